//! Each stage encoded and decoded: its text, its properties and its bytes.
//!
//! Two differences are harmless and evened out before texts are compared:
//! - [`ScalarInputExec`] travels as DataFusion's operator for the same thing and comes out as that;
//! - DataFusion's protobuf forgets that a cast below a union makes a column that may be NULL, and the decoded union puts
//!   another projection on that input, which says so again and copies nothing. Such projections are passed over, and
//!   the inputs of unions are compared without regard to NULL.

use super::stages::{job, tmp, tpcds_session, tpch_session};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};
use datafusion::prelude::SessionContext;
use dpark_lineage::Placement;
use dpark_plan::runtime_filter::KeyCollector;
use dpark_plan::scalar::ScalarInputExec;
use dpark_plan::{JobPlan, StageSinkExec, codec};
use dpark_tests::oracle::{Result, tpch};
use dpark_tests::tpcds;
use libtest_mimic::{Failed, Trial};
use std::fmt::Write;
use std::sync::Arc;

/// TPC-DS queries per trial.
const PER_TRIAL: usize = 10;
/// A larger stage would be kept in the driver.
const MAX_STAGE_BYTES: usize = 8 << 20;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("codec::display::tpch", || {
        run(async {
            let texts = (1..=22).map(|number| Ok((number, tpch::query(number, super::stages::SCALE)?)));
            check(&tpch_session().await?, texts.collect::<Result<_>>()?).await
        })
    })];
    for first in (1..=tpcds::queries::COUNT).step_by(PER_TRIAL) {
        let last = (first + PER_TRIAL - 1).min(tpcds::queries::COUNT);
        trials.push(Trial::test(format!("codec::display::tpcds::q{first:02}_q{last:02}"), move || {
            run(async {
                let texts = (1..).zip(tpcds::queries::load(tmp())?);
                let texts = texts.filter(|(number, _)| (first..=last).contains(number)).collect();
                check(&tpcds_session().await?, texts).await
            })
        }));
    }
    trials
}

fn run(body: impl Future<Output = Result<()>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(body).map_err(|error| Failed::from(error.to_string()))
}

/// How much a trial looked at.
#[derive(Default)]
struct Counts {
    queries: usize,
    stages: usize,
    filters: usize,
    bytes: usize,
}

async fn check(session: &SessionContext, texts: Vec<(usize, String)>) -> Result<()> {
    let (mut counts, mut failures) = (Counts::default(), vec![]);
    for (number, text) in texts {
        counts.queries += 1;
        let plan = job(session, &text).await.map_err(|error| format!("q{number:02}: {error}"))?;
        for (what, again) in [("filters open", false), ("filters set", true)] {
            if again {
                counts.filters += set_filters(&plan)?;
            }
            for stage in &plan.stages {
                counts.stages += 1;
                let verdict = match stage.placement {
                    Placement::Anywhere => survives(session, &StageSinkExec::from(stage.as_ref())),
                    placement => Err(format!("must run at {placement:?}").into()),
                };
                match verdict {
                    Ok(bytes) => counts.bytes += bytes,
                    Err(error) => failures.push(format!("q{number:02} {} ({what}): {error}", stage.id)),
                }
            }
        }
    }
    let Counts { queries, stages, filters, bytes } = counts;
    println!("{queries} queries: {stages} stages in {bytes} bytes, {filters} runtime filters, {} lost", failures.len());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// The bytes of a stage that is the same when they are decoded.
fn survives(session: &SessionContext, stage: &StageSinkExec) -> Result<usize> {
    let bytes = codec::encode(stage, &session.task_ctx())?;
    let decoded = codec::decode(&bytes, &session.task_ctx())?;
    let before: Arc<dyn ExecutionPlan> = Arc::new(stage.clone());
    let before = before
        .transform_up(|node| match node.downcast_ref::<ScalarInputExec>() {
            Some(scalar) => Ok(Transformed::yes(scalar.to_datafusion())),
            None => Ok(Transformed::no(node)),
        })
        .data()?;
    let after: Arc<dyn ExecutionPlan> = Arc::new(decoded.clone());
    same(&describe(&before), &describe(&after))?;
    if (stage.output.buckets(), stage.side_effects) != (decoded.output.buckets(), decoded.side_effects) {
        return Err("the sink differs".into());
    }
    let keys = |stage: &StageSinkExec| {
        let of = stage.summaries.iter().map(|summary| summary.keys.iter().map(|key| key.to_string()).collect());
        of.collect::<Vec<Vec<String>>>()
    };
    if keys(stage) != keys(&decoded) {
        return Err("the summaries differ".into());
    }
    if bytes.len() > MAX_STAGE_BYTES {
        return Err(format!("{} bytes would be kept in the driver", bytes.len()).into());
    }
    // What is decoded is complete: a second journey gives the same again.
    let again = codec::decode(&codec::encode(&decoded, &session.task_ctx())?, &session.task_ctx())?;
    same(&describe(&after), &describe(&(Arc::new(again) as _)))?;
    Ok(bytes.len())
}

/// The plan as text: for each node its own line, and what that does not tell.
fn describe(plan: &Arc<dyn ExecutionPlan>) -> String {
    let mut text = String::new();
    describe_node(plan, 0, false, &mut text);
    text
}

fn describe_node(plan: &Arc<dyn ExecutionPlan>, depth: usize, in_union: bool, text: &mut String) {
    let indent = "  ".repeat(depth);
    let schema = plan.schema();
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    if in_union {
        if let Some(input) = stamped(plan) {
            return describe_node(input, depth, true, text);
        }
        fields = fields.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
    }
    let _ = write!(text, "{indent}{}", displayable(plan.as_ref()).one_line());
    let _ = writeln!(text, "{indent}  {fields:?} {:?}", schema.metadata());
    let ordering = plan.output_ordering().map(|ordering| ordering.to_string()).unwrap_or_default();
    let (partitioning, fetch) = (plan.output_partitioning(), plan.fetch());
    let _ = writeln!(text, "{indent}  {partitioning}, ordering=[{ordering}], fetch={fetch:?}");
    let is_union = plan.is::<UnionExec>() || plan.is::<InterleaveExec>();
    for child in plan.children() {
        describe_node(child, depth + 1, is_union, text);
    }
}

/// The input of a projection that changes nothing but whether columns may be NULL.
fn stamped(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let projection = plan.downcast_ref::<ProjectionExec>()?;
    let schema = projection.input().schema();
    let same = projection.expr().iter().enumerate().all(|(index, made)| {
        let column = match made.expr.downcast_ref::<CastExpr>() {
            Some(cast) if cast.cast_type() == schema.field(index).data_type() => cast.expr(),
            Some(_) => return false,
            None => &made.expr,
        };
        column.downcast_ref::<Column>().is_some_and(|column| column.index() == index)
    });
    (same && projection.expr().len() == schema.fields().len()).then_some(projection.input())
}

fn same(before: &str, after: &str) -> Result<()> {
    match before.lines().zip(after.lines()).find(|(before, after)| before != after) {
        Some((before, after)) => Err(format!("a line differs\n  before {before}\n  after  {after}").into()),
        None if before.lines().count() != after.lines().count() => Err("the number of lines differs".into()),
        None => Ok(()),
    }
}

/// Sets every runtime filter as the driver would if each task of a build side had written one row.
fn set_filters(plan: &JobPlan) -> Result<usize> {
    let mut count = 0;
    for stage in &plan.stages {
        for filter in &stage.filters {
            let source = plan.stages.iter().find(|stage| stage.id == filter.source).ok_or("a filter has no source")?;
            let keys = source.summaries.get(filter.slot);
            let keys = keys.ok_or("a filter's source makes no summary")?.keys.clone();
            let mut collector = KeyCollector::new(keys, &source.schema())?;
            collector.push(&one_row(&source.schema())?)?;
            filter.resolve(&[Arc::new(collector.finish()?)])?;
            count += 1;
        }
    }
    Ok(count)
}

fn one_row(schema: &SchemaRef) -> Result<RecordBatch> {
    let column =
        |field: &FieldRef| -> Result<ArrayRef> { Ok(ScalarValue::new_default(field.data_type())?.to_array()?) };
    let columns = schema.fields().iter().map(column).collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
