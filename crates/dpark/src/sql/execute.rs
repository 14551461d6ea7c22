//! A parsed statement, run on a context.

use super::statement::Statement;
use crate::Context;
use crate::OPTIONS;
use crate::damaged_footer;
use crate::globs::has_wildcards;
use datafusion::common::{TableReference, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as LogicalStatement};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;

/// Plans a statement. DDL, `SET` and `CACHE TABLE` take effect at once; a query gives a lazy DataFrame.
pub async fn execute(ctx: &Context, statement: &Statement) -> Result<DataFrame> {
    match statement {
        Statement::DataFusion(statement) => {
            let plan = plan(ctx, statement).await?;
            refuse(&plan)?;
            match ctx.session().execute_logical_plan(plan.clone()).await {
                Err(error) => Err(damaged_footer::named_in(error, &ctx.session().state(), &plan).await),
                frame => frame,
            }
        }
        Statement::ExplainLineage(statement) => {
            let plan = plan(ctx, statement).await?;
            ctx.explain_lineage(plan).await
        }
        Statement::CacheTable { name, query, lazy } => {
            let name = reference(ctx, name)?;
            let plan = match query {
                Some(query) => Some(plan(ctx, query).await?),
                None => None,
            };
            ctx.cache_table(name, plan, *lazy).await
        }
        Statement::UncacheTable { name, if_exists } => ctx.uncache_table(reference(ctx, name)?, *if_exists).await,
    }
}

/// Refuses what DataFusion would answer with a riddle.
fn refuse(plan: &LogicalPlan) -> Result<()> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) => {
            let wild = |location: &&String| ListingTableUrl::parse(location).is_ok_and(|url| has_wildcards(&url));
            match table.locations.iter().find(wild) {
                Some(location) => plan_err!(
                    "LOCATION '{location}' has wildcards, which a URL may have in FROM only: name the directory, or CREATE VIEW \
                     over a SELECT from it"
                ),
                None => Ok(()),
            }
        }
        LogicalPlan::Statement(LogicalStatement::SetVariable(set)) => {
            let of_session = ["task.cpus", "task.memory"].contains(&set.variable.as_str());
            if !of_session && OPTIONS.iter().any(|option| option.key == set.variable) {
                return plan_err!(
                    "{0} is given when the context starts, by --conf {0}=… or in the configuration file, and cannot be SET",
                    set.variable
                );
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The logical plan, with the places of its columns recorded so that errors can show them.
async fn plan(ctx: &Context, statement: &DfStatement) -> Result<LogicalPlan> {
    let mut state = ctx.session().state();
    state.config_mut().options_mut().sql_parser.collect_spans = true;
    state.statement_to_plan(statement.clone()).await
}

fn reference(ctx: &Context, name: &ObjectName) -> Result<TableReference> {
    let state = ctx.session().state_ref();
    let normalize = state.read().config_options().sql_parser.enable_ident_normalization;
    object_name_to_table_reference(name.clone(), normalize)
}
