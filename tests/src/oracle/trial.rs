//! A group of queries under one mode: every failure by its name.
//!
//! A trial shares one context among its queries, because starting workers costs more than most of the queries.
//! `ORACLE_ONLY=text` in the environment runs only the queries whose name contains the text.

use super::modes::Mode;
use super::queries::{Check, Queries, Query};
use super::{Result, plain, rows};
use crate::suite::compare::message;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::SessionContext;
use dpark::Context;
use std::time::Duration;

/// No query of the tests takes more than a second or two.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Looks at an answer once more, after the oracle.
pub type Also<'a> = &'a (dyn Fn(&Query, &rows::Answer) -> Result<()> + Sync);

/// Runs `ddl`, the setup of the group and its queries on both sides. The error names every query that failed.
pub fn run(group: &Queries, ddl: &[String], mode: Mode, also: Also<'_>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let oracle = plain::session();
        let context = mode.context()?;
        for statement in ddl.iter().chain(&group.setup) {
            oracle.sql(statement).await.map_err(|error| format!("{statement}: {error}"))?.collect().await?;
            context.sql(statement).await.map_err(|error| format!("{statement}, here: {error}"))?.collect().await?;
        }
        let only = std::env::var("ORACLE_ONLY").unwrap_or_default();
        let mut failures = Vec::new();
        let chosen = group.queries.iter().filter(|query| query.name.contains(&only));
        for query in chosen {
            let name = format!("{}::{}::{}", group.name, query.name, mode.name());
            eprintln!("{name}");
            let side = tokio::time::timeout(TIME_LIMIT, compare(&oracle, &context, query, also));
            let result = side.await.unwrap_or_else(|_| {
                context.cancel_all();
                Err(format!("no end within {TIME_LIMIT:?}").into())
            });
            if let Err(error) = result {
                let line = error.to_string().replace('\n', " ");
                failures.push(format!("{name}: {}", line.chars().take(600).collect::<String>()));
            }
        }
        context.stop().await;
        match failures.len() {
            0 => Ok(()),
            count => Err(format!("{count} of {} failed\n{}", group.queries.len(), failures.join("\n")).into()),
        }
    })
}

async fn compare(oracle: &SessionContext, context: &Context, query: &Query, also: Also<'_>) -> Result<()> {
    let expected = outcome(oracle.sql(&query.sql).await).await;
    let actual = outcome(context.sql(&query.sql).await).await;
    if query.check == Check::Error {
        return match (expected, actual) {
            (Err(expected), Err(actual)) => {
                let (expected, actual) = (message(&expected.to_string()), message(&actual.to_string()));
                if expected == actual { Ok(()) } else { Err(format!("{expected:?}, here {actual:?}").into()) }
            }
            (Ok(_), _) => Err("the oracle gives no error".into()),
            (_, Ok(_)) => Err("no error".into()),
        };
    }
    let expected = expected.map_err(|error| format!("the oracle fails: {error}"))?;
    let wants_none = match query.check {
        Check::Rows { empty } => empty,
        _ => Some(false),
    };
    if wants_none.is_some_and(|none| none != expected.rows.is_empty()) {
        return Err(format!("proves nothing: the oracle gives {} rows", expected.rows.len()).into());
    }
    let actual = actual?;
    match &query.check {
        Check::Rows { .. } | Check::Error => rows::equal(&expected, &actual)?,
        Check::Near(tolerance) => rows::near(&expected, &actual, *tolerance)?,
        Check::Subset(all) => rows::subset(&expected, &outcome(oracle.sql(all).await).await?, &actual)?,
    }
    also(query, &actual)
}

async fn outcome(frame: datafusion::error::Result<DataFrame>) -> Result<rows::Answer> {
    plain::answer(frame?).await
}
