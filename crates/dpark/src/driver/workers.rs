//! Worker processes: started as copies of this binary, connected over loopback, replaced when they die.

use super::control::{Control, HELLO, Roster};
use super::executors::Link;
use super::host::Host;
use super::message::Message;
use crate::error::{Error, Result};
use dpark_executor::protocol::{ToWorker, WorkerConfig, build_id, send};
use dpark_executor::worker::{CHILD, WORKER_VARIABLE};
use dpark_lineage::ExecutorId;
use dpark_shuffle::sweep_stale;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// So many workers in a row that die before they say hello mean that none ever will.
const HOPELESS: u32 = 5;

/// What all workers of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct WorkerTemplate {
    pub(crate) token: String,
    pub(crate) memory: usize,
    pub(crate) store_memory: usize,
    pub(crate) compression: String,
    pub(crate) dir: PathBuf,
}

/// Keeps a number of workers alive.
pub(crate) struct Workers {
    template: WorkerTemplate,
    addr: SocketAddr,
    driver: mpsc::UnboundedSender<Message>,
    next: AtomicU64,
    stillborn: AtomicU32,
    stopping: AtomicBool,
    /// Workers that have not said hello yet.
    expected: Mutex<HashSet<ExecutorId>>,
    /// Worker processes that live.
    alive: watch::Sender<usize>,
}

impl Workers {
    /// Listens for workers and starts `count` of them.
    pub(crate) async fn start(
        template: WorkerTemplate,
        count: usize,
        driver: mpsc::UnboundedSender<Message>,
    ) -> Result<Arc<Self>> {
        let failed = |error: std::io::Error| Error::Start { what: "workers", detail: error.to_string() };
        let (token, build, to_driver) = (template.token.clone(), build_id().map_err(failed)?, driver.clone());
        let this = Control::listen(Ipv4Addr::LOCALHOST.into(), 0, token, build, to_driver, |addr| {
            Arc::new(Self {
                template,
                addr,
                driver,
                next: AtomicU64::new(1),
                stillborn: AtomicU32::new(0),
                stopping: AtomicBool::new(false),
                expected: Mutex::default(),
                alive: watch::channel(0).0,
            })
        });
        let this = this.await.map_err(failed)?;
        for _ in 0..count {
            this.spawn_one().map_err(failed)?;
        }
        Ok(this)
    }

    /// No more workers are started, and the death of one is no news.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Waits until all worker processes are gone, at most for `patience`.
    pub(crate) async fn gone(&self, patience: Duration) {
        let mut alive = self.alive.subscribe();
        let _ = tokio::time::timeout(patience, alive.wait_for(|alive| *alive == 0)).await;
    }

    fn spawn_one(self: &Arc<Self>) -> std::io::Result<()> {
        let executor = ExecutorId(self.next.fetch_add(1, Ordering::Relaxed));
        let WorkerTemplate { token, memory, store_memory, compression, dir } = self.template.clone();
        let config =
            WorkerConfig { driver: self.addr, token, executor, slots: 1, memory, store_memory, compression, dir };
        // The inode that runs, even if the file was replaced since.
        let exe = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
        let mut command = Command::new(exe);
        command.env(WORKER_VARIABLE, CHILD).stdin(Stdio::piped()).stdout(Stdio::null());
        // In a group of its own: a Ctrl-C at the terminal is for the driver alone.
        command.process_group(0);
        let child = command.spawn()?;
        self.expected.lock().insert(executor);
        self.alive.send_modify(|alive| *alive += 1);
        tokio::spawn(Arc::clone(self).watch(executor, config, child));
        Ok(())
    }

    /// Tells the worker what it is, waits for its end, and starts another in its place.
    async fn watch(self: Arc<Self>, executor: ExecutorId, config: WorkerConfig, mut child: Child) {
        // Held open as long as the driver lives; a worker ends when it closes.
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            let _ = send(stdin, &config).await;
        }
        let late = async {
            tokio::time::sleep(HELLO).await;
            if !self.expected.lock().contains(&executor) {
                std::future::pending::<()>().await;
            }
        };
        let reason = tokio::select! {
            status = child.wait() => match status {
                Ok(status) => format!("the worker process ended: {status}"),
                Err(error) => format!("the worker process cannot be waited for: {error}"),
            },
            () = late => format!("the worker did not connect within {} s", HELLO.as_secs()),
        };
        drop(stdin);
        let _ = child.kill().await;
        self.alive.send_modify(|alive| *alive -= 1);
        // Its outputs went with it; a killed process leaves its directory.
        sweep_stale(&self.template.dir).ok();
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        if self.expected.lock().remove(&executor) {
            tracing::error!(%executor, %reason, "worker failed to start");
            if self.stillborn.fetch_add(1, Ordering::Relaxed) + 1 >= HOPELESS {
                let _ = self.driver.send(Message::Hopeless {
                    reason: format!("{reason}; does the program call dpark::init() first in main?"),
                    forever: true,
                });
                return;
            }
        } else {
            let _ = self.driver.send(Message::ExecutorDown { executor, reason });
        }
        if let Err(error) = self.spawn_one() {
            let _ = self.driver.send(Message::Hopeless { reason: error.to_string(), forever: true });
        }
    }
}

impl Roster for Workers {
    fn arrived(
        &self,
        executor: ExecutorId,
        shuffle: SocketAddr,
        pid: u32,
    ) -> Option<mpsc::UnboundedReceiver<ToWorker>> {
        self.expected.lock().remove(&executor).then_some(())?;
        self.stillborn.store(0, Ordering::Relaxed);
        let (outbox, outgoing) = mpsc::unbounded_channel();
        let (link, host) =
            (Link::worker(outbox, Some(shuffle)), Host::here(format!("{executor}: process {pid} on this machine")));
        let up = Message::ExecutorUp { executor, link, slots: 1, driver: false, anywhere: true, host, pid };
        let _ = self.driver.send(up);
        Some(outgoing)
    }

    fn gone(&self, executor: ExecutorId, reason: String) {
        if !self.stopping.load(Ordering::Acquire) {
            let _ = self.driver.send(Message::ExecutorDown { executor, reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dpark_executor::protocol::{ToDriver, receive};
    use dpark_lineage::{StageId, TaskError, TaskId};
    use std::io;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    /// Takes what is logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        /// Waits for words in the log; what was logged until then.
        async fn until(&self, words: &str) -> String {
            for _ in 0..5000 {
                let text = String::from_utf8_lossy(&self.0.lock()).into_owned();
                if text.contains(words) {
                    self.0.lock().clear();
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            panic!("nobody logs {words:?}: {:?}", String::from_utf8_lossy(&self.0.lock()));
        }
    }

    const TOKEN: &str = "a-token-that-nobody-can-guess";
    const EXPECTED: ExecutorId = ExecutorId(7);

    fn hello(token: &str, executor: ExecutorId, build: &str) -> ToDriver {
        let (token, build) = (token.to_owned(), build.to_owned());
        ToDriver::Hello { token, executor, build, shuffle: (Ipv4Addr::LOCALHOST, 1).into(), pid: 1 }
    }

    async fn start() -> (Arc<Workers>, mpsc::UnboundedReceiver<Message>) {
        let (driver, inbox) = mpsc::unbounded_channel();
        let dir = std::env::temp_dir();
        let token = TOKEN.to_owned();
        let template = WorkerTemplate { token, memory: 1, store_memory: 0, compression: "lz4".into(), dir };
        let workers = Workers::start(template, 0, driver).await.unwrap();
        workers.expected.lock().insert(EXPECTED);
        (workers, inbox)
    }

    #[tokio::test]
    async fn strangers_are_refused_and_logged() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logged = tracing::subscriber::set_default(subscriber);
        let (workers, mut inbox) = start().await;
        let build = build_id().unwrap();
        let task = TaskId { stage: StageId(1), partition: 0, attempt: 0 };
        let strangers = [
            (hello("a-token-that-nobody-can-quess", EXPECTED, &build), "wrong token"),
            (hello(&TOKEN[..5], EXPECTED, &build), "wrong token"),
            (hello("", EXPECTED, &build), "wrong token"),
            (hello(TOKEN, EXPECTED, "0.0.0"), "runs another build (0.0.0, the driver is"),
            (hello(TOKEN, ExecutorId(8), &build), "executor 8 is not expected"),
            (
                ToDriver::Report { task, report: Box::new(Err(TaskError::Cancelled)) },
                "the first message is not a hello",
            ),
        ];
        for (message, reason) in strangers {
            let mut stream = TcpStream::connect(workers.addr).await.unwrap();
            send(&mut stream, &message).await.unwrap();
            let answer = receive::<ToWorker>(&mut stream).await;
            assert!(!matches!(answer, Ok(Some(_))), "{reason}: {answer:?}");
            let logged = log.until(reason).await;
            assert!(logged.contains("WARN") && logged.contains("peer=127.0.0.1:"), "{logged}");
            assert!(!logged.contains(TOKEN), "the token is a secret: {logged}");
        }
        // Without any token: a frame of four gigabytes, one that only a known worker may send, another protocol, and an
        // end before the first message.
        let (huge, large) = (&[0xff; 8][..], &[0, 0, 0, 1][..]);
        let http = &b"GET / HTTP/1.1\r\n\r\n"[..];
        let nonsense = [
            (huge, "is too large"),
            (large, "is too large"),
            (http, "is too large"),
            (&[9, 0, 0, 0, 1], "early eof"),
            (&[], "the first message is not a hello"),
        ];
        for (bytes, reason) in nonsense {
            let mut stream = TcpStream::connect(workers.addr).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            drop(stream);
            log.until(reason).await;
        }
        assert!(inbox.try_recv().is_err(), "the driver heard of a stranger");
        assert!(workers.expected.lock().contains(&EXPECTED), "the true worker may still come");
    }

    #[tokio::test]
    async fn a_worker_with_the_token_is_let_in_once() {
        let (workers, mut inbox) = start().await;
        let message = hello(TOKEN, EXPECTED, &build_id().unwrap());
        let mut stream = TcpStream::connect(workers.addr).await.unwrap();
        send(&mut stream, &message).await.unwrap();
        assert!(matches!(inbox.recv().await, Some(Message::ExecutorUp { executor: EXPECTED, pid: 1, .. })));
        let greeting = receive::<ToWorker>(&mut stream).await;
        assert!(matches!(greeting, Ok(Some(ToWorker::ObjectStores { .. }))), "{greeting:?}");
        let mut second = TcpStream::connect(workers.addr).await.unwrap();
        send(&mut second, &message).await.unwrap();
        assert!(!matches!(receive::<ToWorker>(&mut second).await, Ok(Some(_))));
        assert!(inbox.try_recv().is_err(), "the same name twice");
        drop(stream);
        let down = inbox.recv().await;
        assert!(
            matches!(&down, Some(Message::ExecutorDown { executor: EXPECTED, reason }) if reason.contains("closed"))
        );
    }
}
