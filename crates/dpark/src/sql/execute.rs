//! A parsed statement, run on a context.

use super::statement::Statement;
use crate::Context;
use crate::damaged_footer;
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;

/// Plans a statement. DDL, `SET` and `CACHE TABLE` take effect at once; a query gives a lazy DataFrame.
pub async fn execute(ctx: &Context, statement: &Statement) -> Result<DataFrame> {
    match statement {
        Statement::DataFusion(statement) => {
            let plan = plan(ctx, statement).await?;
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
