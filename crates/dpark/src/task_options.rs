//! What the tasks of the queries that follow take of a cluster: `SET task.memory = '4GB'`, `SET task.cpus = '0.5'`.

use crate::conf::{Conf, cpus_text, memory_text};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionConfig;
use dpark_lineage::Resources;
use std::any::Any;

/// The part of a session's options that belongs to tasks.
#[derive(Debug, Clone)]
pub(crate) struct TaskOptions {
    needs: Resources,
    /// See [`TaskOptions::set_aside`].
    aside: bool,
}

impl TaskOptions {
    /// Starts with what the context was given.
    pub(crate) fn new(conf: &Conf) -> Self {
        Self { needs: conf.needs, aside: false }
    }

    /// What every task of a query under this configuration takes.
    pub(crate) fn needs(config: &SessionConfig) -> Resources {
        let options = config.options().extensions.get::<Self>();
        options.map_or(Conf::default().needs, |options| options.needs)
    }
}

impl TaskOptions {
    /// From now on the configuration is that of jobs which run beside an action, to find out how to plan it: the rows that they
    /// compute are computed again by the action, and accumulators count that.
    pub(crate) fn set_aside(config: &mut SessionConfig) {
        if let Some(options) = config.options_mut().extensions.get_mut::<Self>() {
            options.aside = true;
        }
    }

    /// Whether a job runs beside an action.
    pub(crate) fn is_aside(config: &SessionConfig) -> bool {
        config.options().extensions.get::<Self>().is_some_and(|options| options.aside)
    }
}

impl ConfigExtension for TaskOptions {
    const PREFIX: &'static str = "task";
}

impl ExtensionOptions for TaskOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }
    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let key = format!("{}.{key}", Self::PREFIX);
        if key != "task.cpus" && key != "task.memory" {
            let hint = if key == "task.max_failures" { ": it is given when the context starts" } else { "" };
            return Err(DataFusionError::Configuration(format!("{key} cannot be set in a session{hint}")));
        }
        let mut conf = Conf { needs: self.needs, ..Conf::default() };
        conf.set(&key, value)?;
        self.needs = conf.needs;
        Ok(())
    }
    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value, description| ConfigEntry {
            key: format!("{}.{key}", Self::PREFIX),
            value: Some(value),
            description,
        };
        let needs = self.needs;
        vec![
            entry("cpus", cpus_text(needs.cpus), "Cores that a task takes on a cluster"),
            entry("memory", memory_text(needs.memory), "Memory that a task takes on a cluster"),
        ]
    }
}
