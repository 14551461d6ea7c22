//! What trials share that watch or disturb a context: the context, what it told, gates that hold tasks, processes to
//! kill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use dpark::{Context, EngineEvent};
use dpark_lineage::{ExecutorId, StageId, TaskId};
use libtest_mimic::Failed;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// Both kinds of masters, with their names in names of trials.
pub const MASTERS: [(&str, &str); 2] = [("local2", "local[2]"), ("process2", "process[2]")];

/// Nothing in these trials takes longer by far.
const PATIENCE: Duration = Duration::from_secs(60);

/// The driver knows of a death at once; a busy machine may need longer.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Runs `body` on a context with three partitions and its files below `dir`.
pub fn on(
    master: &str,
    dir: &Path,
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(&Context) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let builder = Context::builder().master(master).conf("shuffle.partitions", "3");
    let builder = conf.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value));
    let ctx = builder.conf("dir", dir.display().to_string()).build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(&ctx).await;
        ctx.stop().await;
        done
    })
}

/// A job's error, if it failed, and what was computed again for it.
pub type Ended = (Option<String>, Vec<(StageId, u32)>);

/// What a context told since the story was begun.
pub struct Story {
    events: Receiver<EngineEvent>,
    /// The processes of executors that came since.
    pub pids: HashMap<ExecutorId, u32>,
    /// Why nothing runs.
    pub waiting: Vec<String>,
    /// Executors that were lost, and why.
    pub removed: Vec<(ExecutorId, String)>,
    /// The stages of the last job.
    pub stages: Vec<StageId>,
    /// Every launch.
    pub started: Vec<(TaskId, ExecutorId)>,
    /// Every output.
    pub finished: Vec<(TaskId, ExecutorId)>,
    /// Every failure, in words.
    pub failed: Vec<(TaskId, ExecutorId, String)>,
    /// Of each job that is over: its error, and what ran again because its output was lost.
    pub ended: Vec<Ended>,
}

impl Story {
    /// Begins to listen.
    pub fn of(ctx: &Context) -> Story {
        Story {
            events: ctx.events(),
            pids: HashMap::new(),
            waiting: vec![],
            removed: vec![],
            stages: vec![],
            started: vec![],
            finished: vec![],
            failed: vec![],
            ended: vec![],
        }
    }

    /// Takes in what was told so far. When a query has returned, that includes the end of its job.
    pub fn catch_up(&mut self) -> &Self {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.take(event),
                Err(TryRecvError::Empty) => return self,
                Err(error) => panic!("the story has a gap: {error}"),
            }
        }
    }

    /// Waits until something is the case.
    pub async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        self.catch_up();
        while !is_so(self) {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            self.take(event.unwrap_or_else(|_| panic!("still waiting for: {what}")).unwrap());
        }
    }

    /// Waits until the driver knows that an executor is dead, which has just been killed.
    pub async fn until_noticed(&mut self, killed: ExecutorId) {
        let start = Instant::now();
        self.until("a death to be noticed", |story| story.removed.iter().any(|(dead, _)| *dead == killed)).await;
        assert!(start.elapsed() < AT_ONCE, "the death of {killed} was noticed after {:?}", start.elapsed());
    }

    /// The outputs that an executor has left so far, by stage and partition.
    pub fn outputs_of(&self, executor: ExecutorId) -> Vec<(StageId, u32)> {
        let own = self.finished.iter().filter(|(_, on)| *on == executor);
        let mut outputs: Vec<_> = own.map(|(task, _)| (task.stage, task.partition)).collect();
        outputs.sort_unstable();
        outputs
    }

    fn take(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::ExecutorAdded { executor, pid } => drop(self.pids.insert(executor, pid)),
            EngineEvent::Waiting { reason } => self.waiting.push(reason),
            EngineEvent::ExecutorRemoved { executor, reason } => self.removed.push((executor, reason)),
            EngineEvent::JobStarted { stages, .. } => self.stages = stages,
            EngineEvent::TaskStarted { task, executor } => self.started.push((task, executor)),
            EngineEvent::TaskFinished { task, executor, .. } => self.finished.push((task, executor)),
            EngineEvent::TaskFailed { task, executor, error } => self.failed.push((task, executor, error)),
            EngineEvent::JobEnded { error, recomputed, .. } => self.ended.push((error, recomputed)),
            EngineEvent::BroadcastMade { .. } => {}
        }
    }
}

/// Holds the calling task until the file is there.
pub fn wait_for(gate: &Path) {
    wait_until(&format!("{} should open", gate.display()), || gate.exists());
}

/// Lets tasks through that [`wait_for`] the file.
pub fn open(gate: &Path) {
    std::fs::File::create(gate).unwrap();
}

/// Says at the gates that a task of this process has come to a place.
pub fn say(gates: &Path, what: &str) {
    open(&gates.join(format!("{what}-{}", std::process::id())));
}

/// The processes that have said so.
pub fn said(gates: &Path, what: &str) -> Vec<u32> {
    let names = std::fs::read_dir(gates).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix(what)?.strip_prefix('-')?.parse().ok()).collect()
}

/// Holds the calling task until tasks run in so many processes, so that each of these gets one.
pub fn meet(gates: &Path, processes: usize) {
    say(gates, "here");
    wait_until("tasks should run in all processes", || said(gates, "here").len() >= processes);
}

/// Blocks the thread until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The processes of the executors that have a directory below `work`, by the names of these. (A worker may be announced
/// before a trial begins to listen.)
pub fn processes(work: &Path) -> HashMap<ExecutorId, u32> {
    let names = std::fs::read_dir(work).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let parse = |name: String| {
        let mut parts = name.strip_prefix("dpark-shuffle-")?.split('-');
        Some((ExecutorId(parts.next()?.parse().ok()?), parts.next()?.parse().ok()?))
    };
    names.filter_map(parse).collect()
}

/// The executor below `work` that a process is.
pub fn executor_of(work: &Path, pid: u32) -> ExecutorId {
    let found = processes(work).into_iter().find(|(_, of)| *of == pid);
    found.unwrap_or_else(|| panic!("process {pid} is no executor")).0
}

/// Kills a process of the trial without any warning to it.
pub fn kill(pid: u32) {
    // SAFETY: a signal to a process that this test started.
    let sent = unsafe { libc::kill(pid as i32, libc::SIGKILL) };
    assert_eq!(sent, 0, "the worker to kill should be alive");
}
