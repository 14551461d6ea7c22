//! The talk between the driver and its workers: length-prefixed postcard messages over one connection a worker.
//!
//! A stage's bytes and the places of its inputs travel once to each worker; a launch is a few numbers.

use crate::task::TaskReport;
use dpark_lineage::{ExecutorId, StageId, TaskId};
use dpark_shuffle::{Compression, MapLocation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Larger frames are refused: they can only be noise or an attack.
const MAX_FRAME: usize = 1 << 30;

/// The same for the first frame of a connection, whose sender is not known yet.
const MAX_FIRST_FRAME: usize = 64 << 10;

/// What a worker must know to start. It comes through its standard input, which stays open as long as the driver lives;
/// on a Mesos cluster it comes from the agent, as the data of the executor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// The driver's control address. The worker serves its outputs at the address from which it reaches that.
    pub driver: SocketAddr,
    /// Proves to the driver, and to other executors' shuffle servers, that the process belongs to this run.
    pub token: String,
    /// The worker's name.
    pub executor: ExecutorId,
    /// See [`crate::ExecutorConfig`].
    pub slots: usize,
    /// See [`crate::ExecutorConfig`].
    pub memory: usize,
    /// See [`crate::ExecutorConfig`].
    pub store_memory: usize,
    /// `none`, `lz4` or `zstd`.
    pub compression: String,
    /// See [`crate::ExecutorConfig`].
    pub dir: PathBuf,
}

/// Where an output lies, as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Location {
    /// Map partition.
    pub map: u32,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Who has it.
    pub executor: ExecutorId,
    /// Its shuffle server.
    pub addr: Option<SocketAddr>,
}

impl From<Location> for MapLocation {
    fn from(location: Location) -> Self {
        let Location { map, attempt, executor, addr } = location;
        Self { map, attempt, executor, addr }
    }
}

impl From<&MapLocation> for Location {
    fn from(location: &MapLocation) -> Self {
        Self { map: location.map, attempt: location.attempt, executor: location.executor, addr: location.addr }
    }
}

/// Driver to worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// The driver's environment, as far as it is about object stores; the first message.
    ObjectStores {
        /// By name.
        variables: Vec<(String, String)>,
    },
    /// A stage's plan and its session's options.
    Stage {
        /// Which.
        stage: StageId,
        /// See `dpark_plan::codec`.
        bytes: Vec<u8>,
        /// Options by key.
        options: Vec<(String, String)>,
    },
    /// Where the outputs of a stage lie; replaces what was said before.
    Outputs {
        /// The stage that wrote them.
        stage: StageId,
        /// In map order.
        locations: Vec<Location>,
    },
    /// Run a task that reads the outputs of `inputs`.
    Launch {
        /// Which.
        task: TaskId,
        /// Per leaf: the stage it names, and the stage it reads, whose `Outputs` were sent.
        inputs: Vec<(StageId, StageId)>,
    },
    /// Stop a task.
    Kill {
        /// Which.
        task: TaskId,
    },
    /// Free a stage's outputs.
    DropOutput {
        /// Which.
        stage: StageId,
    },
    /// Forget a stage's plan.
    ForgetStage {
        /// Which.
        stage: StageId,
    },
    /// Free a broadcast.
    ForgetBroadcast {
        /// Which.
        id: u64,
    },
    /// Prove to be alive.
    Ping {
        /// To be repeated in the answer.
        number: u64,
    },
    /// End in good order.
    Shutdown,
}

/// Worker to driver.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToDriver {
    /// The first message.
    Hello {
        /// Must be the run's token.
        token: String,
        /// The name the driver gave.
        executor: ExecutorId,
        /// Must be the driver's own.
        build: String,
        /// Where the worker serves its outputs.
        shuffle: SocketAddr,
        /// The worker's process.
        pid: u32,
    },
    /// Answers a `Ping`.
    Pong {
        /// The ping's number.
        number: u64,
    },
    /// A task ended.
    Report {
        /// Which.
        task: TaskId,
        /// How.
        report: Box<TaskReport>,
    },
}

/// Writes one message.
pub async fn send<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    // Length and message in one write, so that they leave in one packet.
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame).await?;
    to.flush().await
}

/// Reads one message; `None` when the other side has closed between messages.
pub async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    receive_at_most(MAX_FRAME, from).await
}

/// Reads the first message of somebody who has not shown a token yet.
pub async fn receive_first<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    receive_at_most(MAX_FIRST_FRAME, from).await
}

async fn receive_at_most<T: DeserializeOwned>(
    limit: usize,
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let length = match from.read_u32_le().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes is too large")));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}

/// `none`, `lz4` or `zstd`.
pub fn parse_compression(name: &str) -> Option<Compression> {
    match name {
        "none" => Some(Compression::None),
        "lz4" => Some(Compression::Lz4),
        "zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

/// Tells one build of a binary from another: driver and worker must run the same, as closures travel as offsets in it.
/// For copies of one file on one machine; reads no more than its attributes.
pub fn build_id() -> io::Result<String> {
    let meta = std::fs::metadata(own_program()?)?;
    let modified = meta.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}-{}-{}", env!("CARGO_PKG_VERSION"), meta.len(), modified.as_nanos()))
}

/// The same for copies on other machines: reads the whole file.
pub fn content_id() -> io::Result<String> {
    let digest = blake3::Hasher::new().update_reader(std::fs::File::open(own_program()?)?)?.finalize();
    Ok(format!("{}-{}", env!("CARGO_PKG_VERSION"), &digest.to_hex().as_str()[..32]))
}

/// The file that runs, even if another one has its name now.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}
