//! The session that plans for tasks: DataFusion's defaults where they are right in isolated tasks, changed where they
//! are wrong or slow.

use crate::isolate_joins::IsolateJoins;
use crate::row_groups::ShareRowGroups;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// The configuration of a session whose exchanges have `partitions` partitions.
pub fn config(partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(true);
    let options = config.options_mut();
    // One task would read the files of all: work stealing shares files between the partitions of one process.
    options.execution.enable_file_stream_work_stealing = false;
    // A cut that only moves rows about.
    options.optimizer.enable_round_robin_repartition = false;
    // Their bound stays in the operator whatever is reset, so a second attempt in the same process would start with the
    // first one's.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Scans with a runtime filter do not decode what it rejects (`runtime_filter::attach`). With a WHERE clause alone that
    // costs more than it saves: its rows are many and lie scattered, and picking them is slower than a filter behind.
    options.execution.parquet.pushdown_filters = false;
    options.execution.parquet.reorder_filters = true;
    // A quoted field may have a line break, and a task that began to read there would make rows of its pieces, without an error. So a
    // CSV file is one task's, unless its reader is told that it has none.
    options.catalog.newlines_in_values = true;
    config
}

/// DataFusion's physical optimizer rules with ours in their places.
fn optimizer_rules(runtime: &RuntimeEnv) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let mut after = |name: &str, rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>| {
        let at = rules.iter().position(|rule| rule.name() == name).map_or(0, |at| at + 1);
        rules.insert(at, rule);
    };
    after("join_selection", Arc::new(IsolateJoins));
    // Behind the rule that cuts files for tasks, and before the one whose filters look at the plan as it is then.
    after("EnsureRequirements", Arc::new(ShareRowGroups::new(runtime.cache_manager.get_file_metadata_cache())));
    rules
}

/// A session state builder with the configuration and the rules set.
pub fn state_builder(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionStateBuilder {
    let rules = optimizer_rules(&runtime);
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .with_cache_factory(Some(Arc::new(crate::cache::DatasetCacheFactory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_rules_are_behind_those_they_follow() {
        let rules = optimizer_rules(&RuntimeEnv::default());
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        for pair in [["join_selection", IsolateJoins::NAME], ["EnsureRequirements", ShareRowGroups::NAME]] {
            assert!(names.windows(2).any(|names| names == pair), "{pair:?} in {names:?}");
        }
    }
}
