//! The driver: plans become jobs, jobs become tasks on executors, results come back.
//!
//! ```text
//!  JobExec ─submit─► event_loop ──► Scheduler (pure)          workers (processes) or mesos (executors): start, watch,
//!     ▲                 │  ▲                                      │                                     replace
//!     │ JobEvents       ▼  │ reports                              ▼
//!     └── results ◄─ executors: this process's own, and workers behind connections (control)
//! ```

mod control;
mod ending;
mod event_loop;
mod executors;
mod host;
mod launching;
mod mesos;
mod message;
mod report;
mod results;
mod reuse;
mod workers;

pub(crate) use event_loop::options_of;
pub(crate) use report::{JobReport, StageReport};

use crate::conf::Conf;
use crate::error::{Error, Result};
use crate::events::EngineEvent;
use crate::master::Master;
use crate::progress::Progress;
use crate::shared::Registry;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::prelude::SessionConfig;
use dpark_executor::protocol::{WorkerConfig, parse_compression};
use dpark_executor::{Executor, ExecutorConfig};
use dpark_lineage::{ExecutorId, JobId, Placement, StageId};
use dpark_plan::{JobPlan, StageSinkExec, codec};
use dpark_shuffle::{Fetcher, Guest, ShuffleServer, sweep_stale};
use event_loop::{EventLoop, Parts};
use executors::Link;
use host::Host;
use message::{Demand, JobEvent, Message};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use workers::{WorkerTemplate, Workers};

/// The driver's own executor.
const OWN: ExecutorId = ExecutorId(0);

/// A fragment larger than this carries a table that lives in the driver; it runs there instead of being sent around.
const MAX_STAGE_BYTES: usize = 8 << 20;

/// How long the end of the workers is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a context that is only dropped takes to tell a cluster's master.
const TO_TELL: Duration = Duration::from_secs(1);

/// Engine events that a slow listener may lag behind.
const EVENTS: usize = 65_536;

/// Who runs the tasks.
enum Backend {
    /// This process's executor alone.
    Own,
    Processes(Arc<Workers>),
    Mesos(Arc<mesos::Mesos>),
}

/// See the module.
pub(crate) struct Driver {
    inbox: mpsc::UnboundedSender<Message>,
    executor: Arc<Executor>,
    fetcher: Fetcher,
    backend: Backend,
    shared: Arc<Registry>,
    runtime: Mutex<Option<Runtime>>,
    progress: watch::Receiver<Progress>,
    events: broadcast::Sender<EngineEvent>,
    next_stage: AtomicU64,
    next_job: AtomicU64,
    dir: PathBuf,
    /// See [`Driver::submitting`].
    order: Mutex<()>,
}

impl Driver {
    /// Starts the loop, this process's executor and, for `process[N]`, the workers.
    pub(crate) fn start(master: &Master, conf: &Conf) -> Result<Arc<Self>> {
        let failed = |what| move |error: &dyn std::fmt::Display| Error::Start { what, detail: error.to_string() };
        sweep_stale(&conf.dir).ok();
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let (slots, worker_count) = match master {
            Master::Local(n) => (*n, 0),
            Master::Process(n) => (*n, *n),
            Master::Mesos(_) => (cores(), 0),
        };
        let settings = match master {
            Master::Mesos(url) => Some(mesos::Settings::new(url, conf)?),
            _ => None,
        };
        let is_cluster = settings.is_some();
        let is_alone = worker_count == 0 && settings.is_none();
        let memory = conf.memory_of_each(1 + worker_count);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dpark-driver")
            .enable_all()
            .build()
            .map_err(|error| failed("the driver's threads")(&error))?;
        let io = runtime.handle().clone();
        let mut starting = Starting(Some(runtime));
        let executor = Executor::start(ExecutorConfig {
            id: OWN,
            slots,
            memory,
            store_memory: conf.store_memory(memory),
            compression: parse_compression(&conf.compression).unwrap_or_default(),
            dir: conf.dir.clone(),
            io: io.clone(),
        })
        .map_err(|error| {
            let error = format!("{error}; its files go below {} (option `dir`)", conf.dir.display());
            failed("the driver's executor")(&error)
        })?;
        let (inbox, messages) = mpsc::unbounded_channel();
        let (progress_out, progress) = watch::channel(Progress::default());
        let (demand_out, demand) = watch::channel(Demand::default());
        let (events, _) = broadcast::channel(EVENTS);
        let token = hex(&rand::random::<[u8; 32]>());

        let store = Arc::clone(executor.store());
        let broadcasts = Arc::clone(executor.shared().broadcasts());
        let (fetcher, own_shuffle, backend) = on(&io, {
            let (inbox, token, conf, events) = (inbox.clone(), token.clone(), conf.clone(), events.clone());
            async move {
                let fetcher = Fetcher::new(Some(Arc::clone(&store)), &token, Default::default());
                if is_alone {
                    return Ok((fetcher, None, Backend::Own));
                }
                let ip = settings.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), mesos::Settings::address);
                let guest: Arc<dyn Guest> = Arc::clone(&broadcasts) as _;
                let (addr, server) =
                    ShuffleServer::start_with(store, SocketAddr::from((ip, 0)), token.clone(), Some(guest))
                        .await
                        .map_err(|error| failed("the shuffle server")(&error))?;
                broadcasts.connect(fetcher.clone(), addr);
                // Lives as long as the driver's runtime.
                tokio::spawn(async move {
                    let _server = server;
                    std::future::pending::<()>().await;
                });
                let Some(settings) = settings else {
                    let template = WorkerTemplate {
                        token,
                        memory,
                        store_memory: conf.store_memory(memory),
                        compression: conf.compression,
                        dir: conf.dir,
                    };
                    let workers = Workers::start(template, worker_count, inbox).await?;
                    return Ok((fetcher, Some(addr), Backend::Processes(workers)));
                };
                // Name, slots, address and directory are the executor's own; each task brings its memory. Half of the
                // executor's own is for the program, outside of the pool.
                let memory = (conf.mesos.executor.memory << 20) as usize / 2;
                let worker = WorkerConfig {
                    driver: addr,
                    token,
                    executor: OWN,
                    slots: 1,
                    memory,
                    store_memory: if conf.keep_in_memory { memory } else { 0 },
                    compression: conf.compression,
                    dir: PathBuf::new(),
                };
                let parts = mesos::Parts { settings, worker, driver: inbox, demand, events };
                Ok::<_, Error>((fetcher, Some(addr), Backend::Mesos(Arc::new(mesos::Mesos::start(parts).await?))))
            }
        })??;
        let to_loop = inbox.clone();
        let shared = Registry::new(Arc::clone(executor.shared()), own_shuffle, events.clone(), move |id| {
            // Nobody has it any more if the loop has ended.
            let _ = to_loop.send(Message::ForgetBroadcast(id));
        });
        let event_loop = EventLoop::new(Parts {
            scheduler: conf.scheduler(is_cluster),
            // Never so much that it would crowd out the queries at hand.
            kept_bytes: conf.kept_bytes.min(memory as u64 / 8),
            own: Arc::clone(&executor),
            own_shuffle,
            shared: Arc::clone(&shared),
            reports: inbox.clone(),
            progress: progress_out,
            demand: demand_out,
            events: events.clone(),
        });
        io.spawn(event_loop.run(messages));
        let _ = inbox.send(Message::ExecutorUp {
            executor: OWN,
            link: Link::local(Arc::clone(&executor), fetcher.clone()),
            slots: slots as u32,
            driver: true,
            anywhere: is_alone,
            host: Host::here(format!("{OWN}: the driver itself, process {}", std::process::id())),
            pid: std::process::id(),
        });
        Ok(Arc::new(Self {
            inbox,
            executor,
            fetcher,
            backend,
            shared,
            runtime: Mutex::new(starting.0.take()),
            progress,
            events,
            next_stage: AtomicU64::new(1),
            next_job: AtomicU64::new(1),
            dir: conf.dir.clone(),
            order: Mutex::new(()),
        }))
    }

    /// To be held from lowering a plan to running it: the job that claims a cached data set must come to the loop before
    /// a job that found it claimed.
    pub(crate) fn submitting(&self) -> MutexGuard<'_, ()> {
        self.order.lock()
    }

    /// The next unused stage id.
    pub(crate) fn next_stage(&self) -> StageId {
        StageId(self.next_stage.fetch_add(1, Ordering::Relaxed))
    }

    /// This process's executor.
    pub(crate) fn executor(&self) -> &Arc<Executor> {
        &self.executor
    }

    /// The broadcasts and accumulators.
    pub(crate) fn shared(&self) -> &Arc<Registry> {
        &self.shared
    }

    /// Starts a job. The rows come in partition order; the job is cancelled when the stream is dropped before its end.
    pub(crate) fn run(
        self: &Arc<Self>,
        mut plan: JobPlan,
        config: SessionConfig,
        report: Option<oneshot::Sender<JobReport>>,
    ) -> SendableRecordBatchStream {
        if !matches!(self.backend, Backend::Own) {
            place(&mut plan, &self.executor.context(None, config.clone()));
        }
        let job = JobId(self.next_job.fetch_add(1, Ordering::Relaxed));
        let (events, job_events) = mpsc::unbounded_channel();
        let plan = Arc::new(plan);
        let submit = Message::Submit { job, plan: Arc::clone(&plan), config, events: events.clone() };
        if self.inbox.send(submit).is_err() {
            let _ = events.send(JobEvent::Failed(Error::Stopped.into()));
        }
        results::stream(Arc::clone(self), job, &plan, job_events, report)
    }

    pub(crate) fn cancel_all(&self) {
        let _ = self.inbox.send(Message::CancelAll);
    }

    /// Frees a cached data set's stage.
    pub(crate) fn unpin(&self, stage: StageId) {
        let _ = self.inbox.send(Message::Unpin(stage));
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.events.subscribe()
    }

    /// Ends everything and waits for the workers to be gone.
    pub(crate) async fn stop(&self) {
        self.tell_end();
        // What this process computes must have let go before its directory can be removed; that is waited for aside.
        let executor = Arc::clone(&self.executor);
        let ended = self.runtime.lock().as_ref().map(|own| own.spawn_blocking(move || executor.end(PATIENCE)));
        if let Some(ended) = ended {
            let _ = ended.await;
        }
        match &self.backend {
            Backend::Own => {}
            Backend::Processes(workers) => workers.gone(PATIENCE).await,
            Backend::Mesos(mesos) => mesos.stop(PATIENCE).await,
        }
        sweep_stale(&self.dir).ok();
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }

    fn shut_down(&self) {
        self.tell_end();
        self.executor.stop();
    }

    fn tell_end(&self) {
        match &self.backend {
            Backend::Own => {}
            Backend::Processes(workers) => workers.stop(),
            Backend::Mesos(mesos) => mesos.stopping(),
        }
        let _ = self.inbox.send(Message::Stop);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Workers end by themselves when their standard input, or their connection, closes with this process's runtime.
        self.shut_down();
        if let Some(runtime) = self.runtime.lock().take() {
            if let Backend::Mesos(mesos) = &self.backend {
                // So that the master does not wait for this driver to come back.
                let mesos = Arc::clone(mesos);
                let _ = on(runtime.handle(), async move { mesos.stop(TO_TELL).await });
            }
            runtime.shutdown_background();
        }
    }
}

/// The threads of a driver that is not there yet. Whoever starts it may be on a runtime, in which none may be dropped.
struct Starting(Option<Runtime>);

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs a future on `runtime` from inside or outside of another runtime.
fn on<T: Send + 'static>(runtime: &Handle, future: impl std::future::Future<Output = T> + Send + 'static) -> Result<T> {
    let (done, wait) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = done.send(future.await);
    });
    wait.recv().map_err(|error| Error::Start { what: "the driver", detail: error.to_string() })
}

/// Keeps stages that cannot leave this process in it.
fn place(plan: &mut JobPlan, known: &Arc<TaskContext>) {
    // Stages whose rows cannot leave the process; it must also run those that read them.
    let mut kept: HashSet<StageId> = HashSet::new();
    for stage in &mut plan.stages {
        if codec::rows_stay(&stage.schema()) {
            kept.insert(stage.id);
        }
        if kept.contains(&stage.id) || stage.inputs.iter().any(|input| kept.contains(&input.stage)) {
            Arc::make_mut(stage).placement = Placement::Driver;
        }
        if stage.placement == Placement::Anywhere {
            let portable = codec::encode(&StageSinkExec::from(stage.as_ref()), known);
            if !portable.as_ref().is_ok_and(|bytes| bytes.len() <= MAX_STAGE_BYTES) {
                tracing::debug!(stage = %stage.id, error = ?portable.err().map(|e| e.strip_backtrace()), "runs in the driver");
                Arc::make_mut(stage).placement = Placement::Driver;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
