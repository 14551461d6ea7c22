//! One file, written by the driver under a hidden name beside its own and renamed when it is whole. A copy that fails or
//! is cancelled leaves what was there before.

use super::{Written, at};
use crate::driver::{Driver, JobReport};
use crate::job_exec::{Started, start};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use datafusion::catalog::Session;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::PhysicalPlanner;
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A file to be written.
#[derive(Debug, Clone)]
pub(crate) struct FileCopy {
    /// Writes the hidden file.
    input: Arc<dyn ExecutionPlan>,
    hidden: PathBuf,
    target: PathBuf,
}

/// Removes the hidden file when it is dropped, and what the store that writes it has begun beside it.
struct Hidden<'a>(&'a Path);

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let (Some(dir), Some(name)) = (self.0.parent(), self.0.file_name()) else { return };
        let begins = name.to_string_lossy();
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&*begins) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

impl FileCopy {
    /// Plans a copy to the file `target`. `None` for what is there and no plain file, such as a pipe: it is written to.
    pub(crate) async fn plan(
        copy: &CopyTo,
        target: PathBuf,
        planner: &dyn PhysicalPlanner,
        session: &dyn Session,
    ) -> Result<Option<Self>> {
        // A link stays a link.
        let target = std::fs::canonicalize(&target).unwrap_or(target);
        match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => return plan_err!("cannot write to {}: it is a directory", target.display()),
            Ok(found) if !found.is_file() => return Ok(None),
            _ => {}
        }
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
        // The end of the name tells that it is a file.
        let hidden = target.with_file_name(format!(".{:016x}-{name}", rand::random::<u64>()));
        // As a URL, since a plain path may have what looks like wildcards.
        let Ok(url) = url::Url::from_file_path(&hidden) else { return Ok(None) };
        let copy = CopyTo { output_url: url.to_string(), ..copy.clone() };
        let input = planner.create_physical_plan(&LogicalPlan::Copy(copy), session).await?;
        Ok(Some(Self { input, hidden, target }))
    }

    /// Writes the hidden file.
    pub(crate) fn input(&self) -> Arc<dyn ExecutionPlan> {
        Arc::clone(&self.input)
    }

    /// Where it goes.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Runs the job and renames what it wrote.
    pub(crate) async fn run(
        &self,
        driver: &Arc<Driver>,
        config: &SessionConfig,
        report: Option<oneshot::Sender<JobReport>>,
    ) -> Result<Written> {
        if let Some(parent) = self.target.parent() {
            std::fs::create_dir_all(parent).map_err(|error| at(parent, error))?;
        }
        // Whether it can be written is known before anything runs.
        File::create_new(&self.hidden).map_err(|error| at(&self.target, error))?;
        let hidden = Hidden(&self.hidden);
        let Started { target, stages, rows } = start(driver, Arc::clone(&self.input), config, report)?;
        let counts: Vec<_> = rows.try_collect().await?;
        let counts = counts.iter().flat_map(|batch| batch.column(0).as_primitive::<UInt64Type>().iter().flatten());
        let rows = counts.sum();
        let mode = |path: &Path| std::fs::metadata(path).map(|file| file.permissions());
        if let (Ok(old), Ok(new)) = (mode(&self.target), mode(hidden.0))
            && old != new
        {
            std::fs::set_permissions(hidden.0, old).map_err(|error| at(&self.target, error))?;
        }
        std::fs::rename(hidden.0, &self.target).map_err(|error| at(&self.target, error))?;
        // Nothing is left to be removed.
        std::mem::forget(hidden);
        Ok(Written { target, stages, rows })
    }
}
