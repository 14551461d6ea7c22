//! A worker's life: started as a copy of the driver's binary, it connects back, runs what it is told, and ends when
//! the driver says so or is gone.
//!
//! ```text
//!  process[N]: standard input ──► WorkerConfig ──► connect, hello ──► obey the driver until it is gone
//!  Mesos:      the agent ───────►      "                "                "     and the agent (`mesos`)
//! ```

use crate::executor::{Executor, ExecutorConfig};
use crate::inputs::{Input, Inputs, Locations};
use crate::protocol::{ToDriver, ToWorker, WorkerConfig, build_id, parse_compression, receive, send};
use crate::task::TaskReport;
use dpark_lineage::{StageId, TaskId};
use dpark_shuffle::{Fetcher, Guest, MapLocation, ServerHandle, ShuffleServer};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;

/// Set in the environment of a process that shall be a worker, to one of the values below.
pub const WORKER_VARIABLE: &str = "DPARK_WORKER";

/// The worker is a child of the driver.
pub const CHILD: &str = "1";

/// The worker is an executor of a Mesos agent.
pub const ON_MESOS: &str = "mesos";

/// A driver that is behind a firewall does not answer at all.
const CONNECT: Duration = Duration::from_secs(20);

/// Messages that wait to be sent; beyond that the tasks' reports wait.
const OUTBOX: usize = 1024;

/// Becomes a worker if the environment says so, and then never returns.
pub fn run_if_worker() {
    let Some(kind) = std::env::var_os(WORKER_VARIABLE) else {
        return;
    };
    let ended = if kind == ON_MESOS { run(crate::mesos::serve()) } else { run(serve()) };
    let status = match ended {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "worker ends");
            if kind == ON_MESOS {
                crate::mesos::last_words(&error);
            }
            1
        }
    };
    std::process::exit(status);
}

fn run(worker: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("dpark-io").enable_all().build()?;
    let ended = runtime.block_on(worker);
    runtime.shutdown_background();
    ended
}

async fn serve() -> io::Result<()> {
    let mut stdin = tokio::io::stdin();
    let Some(config) = receive::<WorkerConfig>(&mut stdin).await? else {
        return Err(io::Error::other("a worker is started by a driver, which tells it what to do"));
    };
    let (mut worker, mut from_driver) = Worker::start(&config, build_id()?).await?;
    let mut end = [0];
    loop {
        let message = tokio::select! {
            message = receive::<ToWorker>(&mut from_driver) => message?,
            // The driver holds the other end as long as it lives.
            _ = stdin.read(&mut end) => None,
        };
        match message {
            None | Some(ToWorker::Shutdown) => break,
            Some(ToWorker::Launch { task, inputs, .. }) => {
                let tell = worker.teller();
                worker.launch(task, worker.inputs(&inputs), move |report| tell(task, report));
            }
            Some(message) => worker.obey(message),
        }
    }
    worker.executor.stop();
    Ok(())
}

/// An executor that obeys a driver at the other end of a connection.
pub(crate) struct Worker {
    pub(crate) executor: Arc<Executor>,
    fetcher: Fetcher,
    outputs: HashMap<StageId, Locations>,
    outbox: mpsc::Sender<ToDriver>,
    _server: ServerHandle,
}

impl Worker {
    /// Starts the executor, connects to the driver and says hello, with the id of this build. Also gives what the driver
    /// will say.
    pub(crate) async fn start(config: &WorkerConfig, build: String) -> io::Result<(Self, OwnedReadHalf)> {
        let executor = Executor::start(ExecutorConfig {
            id: config.executor,
            slots: config.slots,
            memory: config.memory,
            store_memory: config.store_memory,
            compression: parse_compression(&config.compression).unwrap_or_default(),
            dir: config.dir.clone(),
            io: tokio::runtime::Handle::current(),
        })
        .map_err(io::Error::other)?;
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(config.driver)).await;
        let connection = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot connect to the driver at {}: {error}", config.driver))
        })?;
        // Messages are small and each is waited for: held back, every task would cost a delayed acknowledgement.
        connection.set_nodelay(true)?;
        let here = SocketAddr::from((connection.local_addr()?.ip(), 0));
        let broadcasts = executor.shared().broadcasts();
        let guest: Arc<dyn Guest> = Arc::clone(broadcasts) as _;
        let (store, token) = (Arc::clone(executor.store()), config.token.clone());
        let (shuffle, server) =
            ShuffleServer::start_with(store, here, token, Some(guest)).await.map_err(io::Error::other)?;
        let fetcher = Fetcher::new(Some(Arc::clone(executor.store())), &config.token, Default::default());
        broadcasts.connect(fetcher.clone(), shuffle);
        let (from_driver, mut to_driver) = connection.into_split();
        let (token, pid) = (config.token.clone(), std::process::id());
        send(&mut to_driver, &ToDriver::Hello { token, executor: config.executor, build, shuffle, pid }).await?;
        let (outbox, mut outgoing) = mpsc::channel::<ToDriver>(OUTBOX);
        tokio::spawn(async move {
            while let Some(message) = outgoing.recv().await {
                if send(&mut to_driver, &message).await.is_err() {
                    break;
                }
            }
        });
        Ok((Self { executor, fetcher, outputs: HashMap::new(), outbox, _server: server }, from_driver))
    }

    /// Does what it is told; launches are the caller's.
    pub(crate) fn obey(&mut self, message: ToWorker) {
        match message {
            ToWorker::ObjectStores { variables } => self.executor.object_stores().tell(variables),
            ToWorker::Stage { stage, bytes, options } => self.executor.add_encoded_stage(stage, bytes, &options),
            ToWorker::Outputs { stage, locations } => {
                self.outputs.insert(stage, Arc::new(locations.into_iter().map(MapLocation::from).collect()));
            }
            ToWorker::Kill { task } => self.executor.kill(task),
            ToWorker::DropOutput { stage } => {
                self.outputs.remove(&stage);
                self.executor.drop_output(stage);
            }
            ToWorker::ForgetStage { stage } => self.executor.forget_stage(stage),
            ToWorker::ForgetBroadcast { id } => self.executor.shared().forget(id),
            ToWorker::Ping { number } => {
                let outbox = self.outbox.clone();
                tokio::spawn(async move { outbox.send(ToDriver::Pong { number }).await });
            }
            ToWorker::Launch { .. } | ToWorker::Shutdown => {}
        }
    }

    /// The places of a launch's inputs as they are known now.
    pub(crate) fn inputs(&self, names: &[(StageId, StageId)]) -> Inputs {
        let known = names.iter().filter_map(|(name, stage)| {
            let outputs = Arc::clone(self.outputs.get(stage)?);
            Some((*name, Input { stage: *stage, outputs }))
        });
        known.collect()
    }

    /// Starts a task; `ended` is called once.
    pub(crate) fn launch(&self, task: TaskId, inputs: Inputs, ended: impl FnOnce(TaskReport) + Send + 'static) {
        self.executor.launch(task, &self.fetcher, inputs, ended);
    }

    /// Reports the ends of tasks to the driver, from any thread.
    pub(crate) fn teller(&self) -> impl Fn(TaskId, TaskReport) + Clone + Send + 'static {
        let (outbox, io) = (self.outbox.clone(), tokio::runtime::Handle::current());
        move |task, report| {
            let (outbox, message) = (outbox.clone(), ToDriver::Report { task, report: Box::new(report) });
            io.spawn(async move {
                let _ = outbox.send(message).await;
            });
        }
    }
}
