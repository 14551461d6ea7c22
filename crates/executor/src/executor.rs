//! The stages and running tasks of one process.
//!
//! Tasks run on a runtime of their own with one thread a slot, so that computing never delays the driver's, the shuffle
//! server's or the object stores' I/O, which has another. All tasks of a stage share one plan instance; a second attempt
//! gets a fresh one, as operators keep state.

use crate::inputs::{Inputs, TaskInputs};
use crate::memory::{PoolSize, StoreBudget, pool};
use crate::objects::LazyObjectStores;
use crate::shared::{Collector, Shared, TaskShared};
use crate::task::{TaskReport, run};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::prelude::SessionConfig;
use dpark_lineage::{ExecutorId, StageId, TaskError, TaskId};
use dpark_plan::interrupt::{interruptible, with_interrupts};
use dpark_plan::{ShuffleInputs, StageSinkExec, codec, session};
use dpark_shuffle::{BlockStore, Compression, Fetcher, StoreConfig};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

/// Of a thread that computes. Only what is used takes memory.
const TASK_STACK: usize = 64 << 20;

/// How an executor works.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    /// Its name.
    pub id: ExecutorId,
    /// Tasks at a time, and threads to compute with.
    pub slots: usize,
    /// Bytes for operators and kept outputs together.
    pub memory: usize,
    /// Bytes of `memory` that kept outputs may use; 0 sends every output to disk.
    pub store_memory: usize,
    /// Compression of outputs on disk and on the wire.
    pub compression: Compression,
    /// Where outputs and spills go.
    pub dir: PathBuf,
    /// The runtime for requests to object stores.
    pub io: tokio::runtime::Handle,
}

/// How a stage's plan comes to be: as the driver's own object, or from bytes.
enum Recipe {
    Plan(StageSinkExec),
    Bytes(Vec<u8>),
}

struct Stage {
    recipe: Recipe,
    config: SessionConfig,
    /// Shared by first attempts.
    instance: Mutex<Option<Arc<StageSinkExec>>>,
}

/// A task that runs.
struct Running {
    task: AbortHandle,
    /// For steps that take long between two places at which the task could be aborted.
    cancelled: Arc<AtomicBool>,
}

impl Running {
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

/// See the module.
pub struct Executor {
    id: ExecutorId,
    store: Arc<BlockStore>,
    runtime_env: Arc<RuntimeEnv>,
    object_stores: Arc<LazyObjectStores>,
    pool_size: PoolSize,
    shared: Arc<Shared>,
    /// The functions of the default session.
    known: Arc<TaskContext>,
    cpu: Mutex<Option<Runtime>>,
    handle: tokio::runtime::Handle,
    stages: Mutex<HashMap<StageId, Arc<Stage>>>,
    running: Mutex<HashMap<TaskId, Running>>,
}

impl Executor {
    /// Starts the threads and opens the store.
    pub fn start(config: ExecutorConfig) -> Result<Arc<Self>> {
        let (pool, pool_size) = pool(config.memory);
        let mut store = StoreConfig::new(&config.dir, config.id);
        store.memory = config.store_memory > 0;
        store.compression = config.compression;
        store.budget = Arc::new(StoreBudget::new(&pool, config.store_memory.max(config.memory / 8)));
        let store = BlockStore::open(store).map_err(crate::error::store_error)?;
        let shared = Shared::new(store.dir().to_path_buf(), &pool);
        let disk =
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![store.dir().to_path_buf()]));
        let object_stores = Arc::new(LazyObjectStores::new(config.io));
        let runtime_env = RuntimeEnvBuilder::new()
            .with_memory_pool(pool)
            .with_disk_manager_builder(disk)
            // Listings would be kept for good, and files written later never seen.
            .with_cache_manager(CacheManagerConfig::default().with_list_files_cache_limit(0))
            .with_object_store_registry(Arc::clone(&object_stores) as _)
            .build_arc()?;
        let cpu = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.slots.max(1))
            .thread_name("dpark-task")
            // A long lineage is as many streams in one another, each of which takes some stack.
            .thread_stack_size(TASK_STACK)
            .enable_all()
            .build()
            .map_err(|error| DataFusionError::Execution(format!("cannot start the executor's threads: {error}")))?;
        let state: SessionState = session::state_builder(session::config(1), Arc::clone(&runtime_env)).build();
        Ok(Arc::new(Self {
            id: config.id,
            store,
            known: state.task_ctx(),
            runtime_env,
            object_stores,
            pool_size,
            shared,
            handle: cpu.handle().clone(),
            cpu: Mutex::new(Some(cpu)),
            stages: Mutex::default(),
            running: Mutex::default(),
        }))
    }

    /// Its name.
    pub fn id(&self) -> ExecutorId {
        self.id
    }

    /// Where its outputs are.
    pub fn store(&self) -> &Arc<BlockStore> {
        &self.store
    }

    /// Memory, disk and object stores of its tasks.
    pub fn runtime_env(&self) -> &Arc<RuntimeEnv> {
        &self.runtime_env
    }

    /// Its object stores alone.
    pub fn object_stores(&self) -> &LazyObjectStores {
        &self.object_stores
    }

    /// The size of its memory, which changes where a cluster lends memory with each task.
    pub fn pool_size(&self) -> &PoolSize {
        &self.pool_size
    }

    /// The broadcasts of its tasks.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime that tasks compute on.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    /// Makes a stage known by its plan.
    pub fn add_stage(&self, id: StageId, sink: StageSinkExec, config: SessionConfig) {
        let stage = Stage { recipe: Recipe::Plan(sink), config, instance: Mutex::default() };
        self.stages.lock().insert(id, Arc::new(stage));
    }

    /// Makes a stage known by its bytes and the options of its session.
    pub fn add_encoded_stage(&self, id: StageId, bytes: Vec<u8>, options: &[(String, String)]) {
        let mut config = session::config(1);
        for (key, value) in options {
            // Options that only some build knows (extensions of a session) do not matter to a fragment.
            if let Err(error) = config.options_mut().set(key, value) {
                tracing::debug!(%key, %error, "option not taken over");
            }
        }
        let stage = Stage { recipe: Recipe::Bytes(bytes), config, instance: Mutex::default() };
        self.stages.lock().insert(id, Arc::new(stage));
    }

    /// Starts a task; `report` is called once with its end.
    pub fn launch(
        self: &Arc<Self>,
        task: TaskId,
        fetcher: &Fetcher,
        inputs: Inputs,
        report: impl FnOnce(TaskReport) + Send + 'static,
    ) {
        let inputs = TaskInputs::new(fetcher.clone(), inputs);
        let this = Arc::clone(self);
        let cancelled = Arc::new(AtomicBool::new(false));
        let body = async move { this.run(task, inputs).await };
        let body = self.handle.spawn(interruptible(Arc::clone(&cancelled), body));
        self.running.lock().insert(task, Running { task: body.abort_handle(), cancelled: Arc::clone(&cancelled) });
        let this = Arc::clone(self);
        self.handle.spawn(async move {
            let ended = match body.await {
                Ok(Err(_)) if cancelled.load(Ordering::Relaxed) => Err(TaskError::Cancelled),
                Ok(report) => report,
                Err(join) if join.is_cancelled() => Err(TaskError::Cancelled),
                Err(join) => Err(TaskError::Bug(panic_message(join))),
            };
            this.running.lock().remove(&task);
            report(ended);
        });
    }

    async fn run(&self, task: TaskId, inputs: TaskInputs) -> TaskReport {
        let Some(stage) = self.stages.lock().get(&task.stage).cloned() else {
            return Err(TaskError::Bug(format!("{} is not known here", task.stage)));
        };
        let sink = self.instance(&stage, task.attempt > 0).map_err(|error| crate::error::task_error(&error))?;
        let collector = Arc::<Collector>::default();
        let shared = TaskShared { shared: Arc::clone(&self.shared), collector: Arc::clone(&collector) };
        let config = stage.config.clone().with_extension(Arc::new(ShuffleInputs(Arc::new(inputs))));
        let config = config.with_extension(Arc::new(shared));
        let mut done = run(&sink, task, &self.store, self.context(Some(task.to_string()), config)).await?;
        done.increments = collector.finish().map_err(|error| error.task_error())?;
        Ok(done)
    }

    /// What every process of the application knows, with the options of a session: the functions that a stage's bytes
    /// may name.
    pub fn context(&self, task: Option<String>, config: SessionConfig) -> Arc<TaskContext> {
        let known = &self.known;
        Arc::new(TaskContext::new(
            task,
            known.session_id(),
            config,
            known.scalar_functions().clone(),
            known.higher_order_functions().clone(),
            known.aggregate_functions().clone(),
            known.window_functions().clone(),
            Arc::clone(&self.runtime_env),
        ))
    }

    fn instance(&self, stage: &Stage, fresh: bool) -> Result<Arc<StageSinkExec>> {
        let mut shared = stage.instance.lock();
        if let (Some(shared), false) = (&*shared, fresh) {
            return Ok(Arc::clone(shared));
        }
        let made = match &stage.recipe {
            Recipe::Plan(sink) if fresh => sink.fresh()?,
            Recipe::Plan(sink) => sink.clone(),
            Recipe::Bytes(bytes) => codec::decode(bytes, &self.context(None, stage.config.clone()))?,
        };
        let made = Arc::new(StageSinkExec { input: with_interrupts(Arc::clone(&made.input))?, ..made });
        if !fresh {
            *shared = Some(Arc::clone(&made));
        }
        Ok(made)
    }

    /// Stops a task; its report says `Cancelled`.
    pub fn kill(&self, task: TaskId) {
        if let Some(running) = self.running.lock().get(&task) {
            running.cancel();
        }
    }

    /// Frees a stage's outputs.
    pub fn drop_output(&self, stage: StageId) {
        self.store.drop_stage(stage);
    }

    /// Forgets a stage's plan.
    pub fn forget_stage(&self, stage: StageId) {
        self.stages.lock().remove(&stage);
    }

    /// Aborts everything and removes all outputs.
    pub fn stop(&self) {
        if let Some(cpu) = self.abort() {
            cpu.shutdown_background();
        }
        self.stages.lock().clear();
        self.shared.clear();
        self.store.clear();
    }

    /// As [`stop`](Executor::stop), and waits for the running tasks to let go, which they do when they next give way;
    /// then their directory is removed, whoever else holds the store. Blocks the thread.
    pub fn end(&self, patience: Duration) {
        if let Some(cpu) = self.abort() {
            cpu.shutdown_timeout(patience);
        }
        self.stages.lock().clear();
        self.shared.clear();
        self.store.close();
    }

    fn abort(&self) -> Option<Runtime> {
        for running in self.running.lock().values() {
            running.cancel();
        }
        self.cpu.lock().take()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn panic_message(join: tokio::task::JoinError) -> String {
    let payload = match join.try_into_panic() {
        Ok(payload) => payload,
        Err(join) => return join.to_string(),
    };
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".into()))
}
