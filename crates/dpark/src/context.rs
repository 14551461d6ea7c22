//! The entry point: a session bound to a master.

use crate::conf::Conf;
use crate::damaged_footer;
use crate::driver::Driver;
use crate::error::Result;
use crate::events::EngineEvent;
use crate::globs::with_glob;
use crate::job_exec::JobExec;
use crate::master::{ConfigFile, Master};
use crate::planner::JobPlanner;
use crate::progress::Progress;
use crate::sql;
use crate::task_options::TaskOptions;
use datafusion::common::TableReference;
use datafusion::common::{DataFusionError, plan_datafusion_err, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::file_format::options::{
    ArrowReadOptions, AvroReadOptions, CsvReadOptions, JsonReadOptions, ParquetReadOptions,
};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::SessionState;
use datafusion::execution::context::DataFilePaths;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use dpark_plan::cache::{CacheNode, CachedDataset};
use dpark_plan::session;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Weak};
use tokio::sync::{broadcast, watch};

/// Partitions of exchanges on a cluster, if nothing is said.
const CLUSTER_PARTITIONS: usize = 8;

/// Must be the first call in `main`: turns the process into a worker when it was started as one (and then never
/// returns), otherwise does nothing.
pub fn init() {
    dpark_executor::worker::run_if_worker();
}

/// A session bound to a master. Cheap to clone; clones share everything. Jobs of several threads run at the same time.
#[derive(Clone)]
pub struct Context {
    session: SessionContext,
    pub(crate) driver: Arc<Driver>,
    master: Master,
    /// What `CACHE TABLE` hides: the tables as they were.
    pub(crate) cached: Arc<CachedTables>,
    args: Arc<Vec<OsString>>,
    error_budget: Option<f64>,
}

type CachedTables = Mutex<HashMap<TableReference, sql::CachedTable>>;

/// Collects the settings of a [`Context`].
#[derive(Debug, Clone, Default)]
pub struct ContextBuilder {
    master: Option<String>,
    conf: Vec<(String, String)>,
    args: Vec<OsString>,
}

impl ContextBuilder {
    /// `local[N]`, `local[*]`, `process[N]`, `process[*]`, `mesos://host:port`, `zk://host:port/path`.
    pub fn master(mut self, master: impl Into<String>) -> Self {
        self.master = Some(master.into());
        self
    }

    /// Sets one option, see `docs/config.md`; `datafusion.*` keys reach DataFusion's own options.
    pub fn conf(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.conf.push((key.into(), value.into()));
        self
    }

    /// The program's own arguments; see [`Context::args`].
    pub(crate) fn args(mut self, args: Vec<OsString>) -> Self {
        self.args = args;
        self
    }

    /// Starts the context. Errors: an unknown master or option, a worker that cannot be started.
    pub fn build(self) -> Result<Context> {
        let file = ConfigFile::load()?;
        let mut conf = Conf::default();
        for (key, value) in file.options() {
            conf.set(&key, &value).map_err(|error| file.blame(error))?;
        }
        for (key, value) in &self.conf {
            conf.set(key, value)?;
        }
        let master: Master = match (
            self.master.or_else(|| std::env::var("DPARK_MASTER").ok().filter(|master| !master.is_empty())),
            &file.master,
        ) {
            (Some(master), _) => master.parse()?,
            (None, Some(master)) => master.parse().map_err(|error| file.blame(error))?,
            (None, None) => "local[*]".parse()?,
        };
        let slots = match master {
            Master::Local(n) | Master::Process(n) => n,
            // How large the cluster is, only its offers will tell.
            Master::Mesos(_) => CLUSTER_PARTITIONS,
        };
        let mut config = session::config(conf.partitions.unwrap_or(slots));
        for (key, value) in &conf.session {
            config.options_mut().set(key, value)?;
        }
        config.options_mut().extensions.insert(TaskOptions::new(&conf));
        let driver = Driver::start(&master, &conf)?;
        let cached = Arc::default();
        let outside = Outside {
            driver: Arc::downgrade(&driver),
            master: master.clone(),
            cached: Arc::downgrade(&cached),
            args: Arc::new(self.args),
            error_budget: conf.error_budget,
        };
        let args = Arc::clone(&outside.args);
        let config = config.with_extension(Arc::new(outside));
        let state = session::state_builder(config, Arc::clone(driver.executor().runtime_env()))
            .with_query_planner(Arc::new(JobPlanner::new(Arc::clone(&driver))))
            .build();
        let session = SessionContext::new_with_state(state);
        sql::enable_paths(&session);
        Ok(Context { session, driver, master, cached, args, error_budget: conf.error_budget })
    }
}

impl Context {
    /// Starts to collect settings.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// The command line without what [`main`](crate::main) has taken for the engine.
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// Where tasks run.
    pub fn master(&self) -> &Master {
        &self.master
    }

    /// One SQL statement in the session's dialect as a lazy DataFrame; DDL takes effect at once.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame, DataFusionError> {
        let parsed: Result<Vec<_>, _> = sql::Script::with_settings(sql, sql::ParserSettings::of(self)).collect();
        match parsed {
            Ok(parsed) => match parsed.as_slice() {
                [one] => sql::execute(self, &one.statement).await,
                several => plan_err!("expected one statement, found {}", several.len()),
            },
            // DataFusion's own words for what neither parser understands.
            Err(_) => self.session.sql(sql).await,
        }
    }

    /// Parquet files: a file, a directory, a glob, a list of them, local or as object-store URLs. Each must have a file. For other
    /// than the default options use [`Context::session`].
    pub async fn read_parquet<P: DataFilePaths>(&self, paths: P) -> Result<DataFrame, DataFusionError> {
        let urls = self.existing(paths).await?;
        match self.session.read_parquet(urls.clone(), ParquetReadOptions::default()).await {
            Ok(df) => Ok(df),
            Err(error) => Err(damaged_footer::named(error, &self.session.state(), &urls.0).await),
        }
    }

    /// CSV files with a header: a file, a directory, a glob, a list of them, local or as object-store URLs. Each must have a file.
    /// For other than the default options use [`Context::session`].
    pub async fn read_csv<P: DataFilePaths>(&self, paths: P) -> Result<DataFrame, DataFusionError> {
        self.session.read_csv(self.existing(paths).await?, CsvReadOptions::default()).await
    }

    /// Newline-delimited JSON files: a file, a directory, a glob, a list of them, local or as object-store URLs. Each must have a file.
    /// For other than the default options use [`Context::session`].
    pub async fn read_json<P: DataFilePaths>(&self, paths: P) -> Result<DataFrame, DataFusionError> {
        self.session.read_json(self.existing(paths).await?, JsonReadOptions::default()).await
    }

    /// Arrow IPC files: a file, a directory, a glob, a list of them, local or as object-store URLs. Each must have a file.
    /// For other than the default options use [`Context::session`].
    pub async fn read_arrow<P: DataFilePaths>(&self, paths: P) -> Result<DataFrame, DataFusionError> {
        self.session.read_arrow(self.existing(paths).await?, ArrowReadOptions::default()).await
    }

    /// Avro files: a file, a directory, a glob, a list of them, local or as object-store URLs. Each must have a file.
    /// For other than the default options use [`Context::session`].
    pub async fn read_avro<P: DataFilePaths>(&self, paths: P) -> Result<DataFrame, DataFusionError> {
        self.session.read_avro(self.existing(paths).await?, AvroReadOptions::default()).await
    }

    /// The locations, each of which has a file. DataFusion says of what is not there only that it finds no schema in it.
    async fn existing(&self, paths: impl DataFilePaths) -> Result<Urls, DataFusionError> {
        let urls = Urls::of(paths)?;
        let state = &self.session.state();
        let looks = urls.0.clone().into_iter().map(|url| async move {
            let store = state.runtime_env().object_store(&url)?;
            let first = async { url.list_all_files(state, store.as_ref(), "").await?.try_next().await };
            match first.await {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(missing(&url)),
                Err(error) => match error.find_root() {
                    DataFusionError::ObjectStore(not_found)
                        if matches!(**not_found, object_store::Error::NotFound { .. }) =>
                    {
                        Err(missing(&url))
                    }
                    // The reader's to tell.
                    _ => Ok(()),
                },
            }
        });
        futures::stream::iter(looks).buffered(LOOKS).try_collect::<()>().await?;
        Ok(urls)
    }

    /// What the context is beside its session, which may hold this.
    pub(crate) fn outside(&self) -> Outside {
        Outside {
            driver: Arc::downgrade(&self.driver),
            master: self.master.clone(),
            cached: Arc::downgrade(&self.cached),
            args: Arc::clone(&self.args),
            error_budget: self.error_budget,
        }
    }

    /// DataFusion's session underneath: catalogs, functions, options.
    pub fn session(&self) -> &SessionContext {
        &self.session
    }

    /// The context of a session.
    pub(crate) fn of(session: SessionState) -> Result<Self, DataFusionError> {
        let outside = session.config().get_extension::<Outside>();
        match outside.and_then(|outside| outside.with(session)) {
            Some(ctx) => Ok(ctx),
            None => {
                plan_err!("the rows do not belong to a running context: make them with Context::sql or its readers")
            }
        }
    }

    /// The same for jobs that run beside an action.
    pub(crate) fn aside(&self) -> Result<Self, DataFusionError> {
        let mut session = self.session.state();
        TaskOptions::set_aside(session.config_mut());
        Self::of(session)
    }

    /// Whether its jobs run beside an action.
    pub(crate) fn is_aside(&self) -> bool {
        TaskOptions::is_aside(&self.session.copied_config())
    }

    /// See `task.error_budget`.
    pub(crate) fn error_budget(&self) -> Option<f64> {
        self.error_budget
    }

    /// Partitions of exchanges, if nothing else is said.
    pub(crate) fn partitions(&self) -> usize {
        self.session.copied_config().target_partitions()
    }

    /// Partitions of a query's rows. Runs nothing.
    pub(crate) async fn partitions_of(&self, df: DataFrame) -> Result<usize, DataFusionError> {
        let plan = df.create_physical_plan().await?;
        Ok(JobExec::partitions_of(&plan))
    }

    /// Follows the running jobs.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.driver.progress()
    }

    /// What the engine does from now on, as it happens.
    pub fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.driver.events()
    }

    /// Cancels every running job of this context; their streams end with an error.
    pub fn cancel_all(&self) {
        self.driver.cancel_all();
    }

    /// Frees the rows kept by `df.cache()`. The data set stays usable: the next job computes and keeps them anew.
    pub fn unpersist(&self, df: &DataFrame) {
        self.unpersist_plan(df.logical_plan());
    }

    pub(crate) fn unpersist_plan(&self, plan: &LogicalPlan) {
        let dataset: Option<&Arc<CachedDataset>> = CacheNode::dataset_of(plan);
        if let Some(stage) = dataset.and_then(|dataset| dataset.unclaim()) {
            self.driver.unpin(stage);
        }
    }

    /// Ends the context: cancels jobs, stops workers and waits for them, removes files. Dropping the last clone does
    /// the same without waiting.
    pub async fn stop(&self) {
        self.driver.stop().await;
    }
}

/// A context without its session, and without a say in how long it lives. A session has it as an extension, so that a
/// DataFrame finds its context: plans keep sessions, and the driver keeps plans.
pub(crate) struct Outside {
    driver: Weak<Driver>,
    master: Master,
    cached: Weak<CachedTables>,
    args: Arc<Vec<OsString>>,
    error_budget: Option<f64>,
}

impl Outside {
    /// A context with a session as it is at this moment; none if the context is gone.
    pub(crate) fn with(&self, session: SessionState) -> Option<Context> {
        Some(Context {
            session: SessionContext::new_with_state(session),
            driver: self.driver.upgrade()?,
            master: self.master.clone(),
            cached: self.cached.upgrade()?,
            args: Arc::clone(&self.args),
            error_budget: self.error_budget,
        })
    }
}

/// Paths that were parsed before, with the wildcards of URLs.
#[derive(Clone)]
struct Urls(Vec<ListingTableUrl>);

/// Locations that are looked at together.
const LOOKS: usize = 32;

fn missing(url: &ListingTableUrl) -> DataFusionError {
    let path = if url.scheme() == "file" { url.get_url().to_file_path().ok() } else { None };
    let path = path.map_or_else(|| url.as_str().to_owned(), |path| path.display().to_string());
    let pattern = url.get_glob().as_ref().map(|glob| format!("/{glob}")).unwrap_or_default();
    plan_datafusion_err!("there is no file at {}{pattern}", path.trim_end_matches('/'))
}

impl Urls {
    fn of(paths: impl DataFilePaths) -> Result<Self, DataFusionError> {
        paths.to_urls()?.into_iter().map(with_glob).collect::<Result<_, _>>().map(Self)
    }
}

impl DataFilePaths for Urls {
    fn to_urls(self) -> Result<Vec<ListingTableUrl>, DataFusionError> {
        Ok(self.0)
    }
}
