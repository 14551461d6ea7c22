//! A worker's life: started as a copy of the driver's binary, it connects back, runs what it is told, and ends when
//! the driver says so or is gone.

use crate::executor::{Executor, ExecutorConfig};
use crate::inputs::{Input, Locations};
use crate::protocol::{ToDriver, ToWorker, WorkerConfig, build_id, parse_compression, receive, send};
use dpark_lineage::StageId;
use dpark_shuffle::{Fetcher, MapLocation, ShuffleServer};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Set in the environment of a process that shall be a worker.
pub const WORKER_VARIABLE: &str = "DPARK_WORKER";

/// Messages that wait to be sent; beyond that the tasks' reports wait.
const OUTBOX: usize = 1024;

/// Becomes a worker if the environment says so, and then never returns.
pub fn run_if_worker() {
    if std::env::var_os(WORKER_VARIABLE).is_none() {
        return;
    }
    let status = match run() {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "worker ends");
            1
        }
    };
    std::process::exit(status);
}

fn run() -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("dpark-io").enable_all().build()?;
    let ended = runtime.block_on(serve());
    runtime.shutdown_background();
    ended
}

async fn serve() -> io::Result<()> {
    let mut stdin = tokio::io::stdin();
    let Some(config) = receive::<WorkerConfig>(&mut stdin).await? else {
        return Err(io::Error::other("a worker is started by a driver, which tells it what to do"));
    };
    let compression = parse_compression(&config.compression).unwrap_or_default();
    let executor = Executor::start(ExecutorConfig {
        id: config.executor,
        slots: config.slots,
        memory: config.memory,
        store_memory: config.store_memory,
        compression,
        dir: config.dir.clone(),
    })
    .map_err(io::Error::other)?;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (shuffle, _server) = ShuffleServer::start(Arc::clone(executor.store()), loopback, config.token.clone())
        .await
        .map_err(io::Error::other)?;
    let fetcher = Fetcher::new(Some(Arc::clone(executor.store())), &config.token, Default::default());

    let connection = TcpStream::connect(config.driver).await?;
    // Messages are small and each is waited for: held back, every task would cost a delayed acknowledgement.
    connection.set_nodelay(true)?;
    let (mut from_driver, mut to_driver) = connection.into_split();
    let hello = ToDriver::Hello { token: config.token.clone(), executor: config.executor, build: build_id()?, shuffle };
    send(&mut to_driver, &hello).await?;
    let (outbox, mut outgoing) = mpsc::channel::<ToDriver>(OUTBOX);
    tokio::spawn(async move {
        while let Some(message) = outgoing.recv().await {
            if send(&mut to_driver, &message).await.is_err() {
                break;
            }
        }
    });

    let mut outputs: HashMap<StageId, Locations> = HashMap::new();
    let mut end = [0];
    loop {
        let message = tokio::select! {
            message = receive::<ToWorker>(&mut from_driver) => message?,
            // The driver holds the other end as long as it lives.
            _ = stdin.read(&mut end) => None,
        };
        match message {
            None | Some(ToWorker::Shutdown) => break,
            Some(message) => obey(message, &executor, &fetcher, &mut outputs, &outbox),
        }
    }
    executor.stop();
    Ok(())
}

fn obey(
    message: ToWorker,
    executor: &Arc<Executor>,
    fetcher: &Fetcher,
    outputs: &mut HashMap<StageId, Locations>,
    outbox: &mpsc::Sender<ToDriver>,
) {
    match message {
        ToWorker::Stage { stage, bytes, options } => executor.add_encoded_stage(stage, bytes, &options),
        ToWorker::Outputs { stage, locations } => {
            outputs.insert(stage, Arc::new(locations.into_iter().map(MapLocation::from).collect()));
        }
        ToWorker::Launch { task, inputs } => {
            let wanted = inputs.into_iter().filter_map(|(name, stage)| {
                let outputs = Arc::clone(outputs.get(&stage)?);
                Some((name, Input { stage, outputs }))
            });
            let outbox = outbox.clone();
            let io = tokio::runtime::Handle::current();
            executor.launch(task, fetcher, wanted.collect(), move |report| {
                let message = ToDriver::Report { task, report: Box::new(report) };
                io.spawn(async move {
                    let _ = outbox.send(message).await;
                });
            });
        }
        ToWorker::Kill { task } => executor.kill(task),
        ToWorker::DropOutput { stage } => {
            outputs.remove(&stage);
            executor.drop_output(stage);
        }
        ToWorker::ForgetStage { stage } => executor.forget_stage(stage),
        ToWorker::Shutdown => {}
    }
}
