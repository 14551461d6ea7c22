//! Data sets written by tasks and committed by the driver.
//!
//! ```text
//! dir/_temporary/part-00000.<attempt>.parquet   written by tasks, one a partition and attempt
//! dir/part-00000.parquet                        renamed when every partition has a finished attempt
//! dir/_SUCCESS                                  last, with their names: a reader that waits for it never sees a part
//! ```
//!
//! A target that exists and is not empty is refused before anything runs; a failed write leaves the target as it was.

use super::{Written, at};
use crate::driver::{Driver, JobReport};
use crate::job_exec::{Started, start};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::PhysicalPlanner;
use datafusion::prelude::SessionConfig;
use dpark_plan::write::{ParquetWriteExec, option_texts, writer_options};
use futures::TryStreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

const TEMPORARY: &str = "_temporary";
const SUCCESS: &str = "_SUCCESS";
/// Below the temporary directory: what was there before.
const ASIDE: &str = "replaced";

/// A data set to be written to a directory.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    input: Arc<dyn ExecutionPlan>,
    dir: PathBuf,
    /// See [`option_texts`].
    options: Vec<(String, String)>,
}

impl Write {
    /// Plans a copy to the directory `dir`; `None` if its format is not Parquet after all.
    pub(crate) async fn plan(
        copy: &CopyTo,
        dir: PathBuf,
        factory: &dyn FileFormatFactory,
        planner: &dyn PhysicalPlanner,
        session: &dyn Session,
    ) -> Result<Option<Self>> {
        // The session's settings, the caller's in their place, and above them the statement's.
        let of_format = |key: &&String| *key != "single_file_output" && !key.starts_with("execution.");
        let options = copy.options.iter().filter(|(key, _)| of_format(key));
        let format = factory.create(session, &options.map(|(key, value)| (key.clone(), value.clone())).collect())?;
        let Some(format) = format.downcast_ref::<ParquetFormat>() else {
            return Ok(None);
        };
        let input = planner.create_physical_plan(&copy.input, session).await?;
        let options = option_texts(format.options());
        // Wrong options are told before anything is touched.
        writer_options(&options, &input.schema())?;
        Ok(Some(Self { input, dir, options }))
    }

    /// Where it goes.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The job's last stage: its tasks write their files below the temporary directory.
    pub(crate) fn tasks(&self) -> Arc<dyn ExecutionPlan> {
        let temporary = self.dir.join(TEMPORARY);
        Arc::new(ParquetWriteExec::new(Arc::clone(&self.input), temporary, self.options.clone()))
    }

    /// Runs the job and commits what it wrote.
    pub(crate) async fn run(
        &self,
        driver: &Arc<Driver>,
        config: &SessionConfig,
        report: Option<oneshot::Sender<JobReport>>,
    ) -> Result<Written> {
        let attempt = Attempt::begin(&self.dir, false)?;
        let Started { target, stages, rows } = start(driver, self.tasks(), config, report)?;
        let manifests: Vec<RecordBatch> = rows.try_collect().await?;
        let (mut files, mut rows) = (vec![], 0);
        for manifest in &manifests {
            files.extend(manifest.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
            rows += manifest.column(1).as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        }
        attempt.commit(&files)?;
        Ok(Written { target, stages, rows })
    }
}

/// A write that is not committed yet: what it made is removed when it is dropped.
pub(crate) struct Attempt {
    dir: PathBuf,
    made_dir: bool,
    /// Files of the data set that is replaced.
    old: Vec<String>,
    /// Where these were, and where they are while new ones take their places.
    aside: Vec<(PathBuf, PathBuf)>,
    /// New files that have their names.
    renamed: Vec<PathBuf>,
    committed: bool,
}

impl Attempt {
    /// Prepares a directory that is not there or is empty. With `overwrite` it may hold a data set that was written before,
    /// and whatever else.
    pub(crate) fn begin(dir: &Path, overwrite: bool) -> Result<Self> {
        let mut old = vec![];
        let made_dir = match std::fs::read_dir(dir) {
            Ok(entries) => {
                let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
                if names.iter().any(|name| name == TEMPORARY) {
                    return exec_err!(
                        "cannot write to {}: another write is under way, or was killed and left {TEMPORARY} behind; \
                         in that case remove it",
                        dir.display()
                    );
                }
                if !names.is_empty() && !overwrite {
                    return exec_err!(
                        "cannot write to {}: it exists and is not empty; choose another directory or remove it first",
                        dir.display()
                    );
                }
                if names.iter().any(|name| name == SUCCESS) {
                    old = manifest(dir)?;
                }
                let ours = |name: &str| old.iter().any(|old| old == name || old.split('/').next() == Some(name));
                let is_foreign = |name: &&str| name.starts_with("part-") && !ours(name);
                if let Some(foreign) = names.iter().filter_map(|name| name.to_str()).find(is_foreign) {
                    return exec_err!(
                        "cannot write to {}: {foreign} is there, and no data set that was written here before tells of it; \
                         remove it or choose another directory",
                        dir.display()
                    );
                }
                false
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return plan_err!("cannot write to {}: {error}", dir.display()),
        };
        std::fs::create_dir_all(dir).map_err(|error| at(dir, error))?;
        // Made by one of two writers only.
        std::fs::create_dir(dir.join(TEMPORARY)).map_err(|error| at(dir, error))?;
        Ok(Self { dir: dir.to_path_buf(), made_dir, old, aside: vec![], renamed: vec![], committed: false })
    }

    /// Where tasks write.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.dir.join(TEMPORARY)
    }

    /// Gives the files of the finished attempts their names, in the places of those that are replaced. The files as they are
    /// called then.
    pub(crate) fn commit(mut self, files: &[String]) -> Result<Vec<PathBuf>> {
        let temporary = self.temporary();
        let mut names = vec![];
        for file in files {
            // `part-00000.<attempt>.parquet`, perhaps in a directory.
            let (folder, name) = file.rsplit_once('/').map_or(("", file.as_str()), |(folder, name)| (folder, name));
            let Some((part, extension)) =
                name.split_once('.').and_then(|(part, rest)| Some((part, rest.split_once('.')?.1)))
            else {
                return exec_err!("a task wrote a file with the unexpected name {file}");
            };
            let name = format!("{part}.{extension}");
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if self.dir.join(&name).exists() && !self.old.contains(&name) {
                return exec_err!(
                    "cannot write {}: a file of that name is there that no data set wrote; remove it or choose another \
                     directory",
                    self.dir.join(&name).display()
                );
            }
            names.push(name);
        }
        for (file, name) in files.iter().zip(&names) {
            let written = temporary.join(file);
            if !written.is_file() {
                return exec_err!(
                    "{} is not there: a task has written it, but where the driver does not see it; all machines must share {}",
                    written.display(),
                    self.dir.display()
                );
            }
            if let Some(folder) = self.dir.join(name).parent() {
                std::fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
            }
        }
        // From here on readers that wait for `_SUCCESS` see nothing until all is in its place. What was there is put aside, and
        // back if anything fails.
        let aside = temporary.join(ASIDE);
        let was: Vec<String> = self.old.iter().cloned().chain([SUCCESS.to_owned()]).collect();
        for name in was {
            let (from, to) = (self.dir.join(&name), aside.join(&name));
            if !from.exists() {
                continue;
            }
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
            }
            std::fs::rename(&from, &to).map_err(|error| at(&from, error))?;
            self.aside.push((from, to));
        }
        for (file, name) in files.iter().zip(&names) {
            let name = self.dir.join(name);
            std::fs::rename(temporary.join(file), &name).map_err(|error| at(&name, error))?;
            self.renamed.push(name);
        }
        let success = self.dir.join(SUCCESS);
        std::fs::write(&success, names.iter().map(|name| format!("{name}\n")).collect::<String>())
            .map_err(|error| at(&success, error))?;
        self.committed = true;
        remove_all(&temporary).map_err(|error| at(&temporary, error))?;
        Ok(std::mem::take(&mut self.renamed))
    }
}

/// Whether a data set was written to a directory, completely.
pub(crate) fn is_complete(dir: &Path) -> bool {
    dir.join(SUCCESS).is_file()
}

/// The files of a data set that was written before, which its `_SUCCESS` tells. Others' are empty.
pub(crate) fn manifest(dir: &Path) -> Result<Vec<String>> {
    let success = dir.join(SUCCESS);
    let names = std::fs::read_to_string(&success).map_err(|error| at(&success, error))?;
    let inside = |name: &&str| Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    Ok(names.lines().filter(inside).map(str::to_owned).collect())
}

/// Whether there are files of rows, as far as their names tell.
pub(crate) fn has_parts(dir: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(dir) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("part-"))
}

/// Removes a directory in which an attempt that is not needed any more may still be at work.
fn remove_all(dir: &Path) -> std::io::Result<()> {
    let mut tries = 0;
    loop {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty && tries < 100 => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        for file in &self.renamed {
            let _ = std::fs::remove_file(file);
        }
        for (place, aside) in &self.aside {
            let _ = std::fs::rename(aside, place);
        }
        let _ = std::fs::remove_dir_all(self.dir.join(TEMPORARY));
        if self.made_dir {
            let _ = std::fs::remove_dir(&self.dir);
        }
    }
}
