//! The port to which workers connect, whoever started them. Strangers are refused and logged.

use super::message::Message;
use dpark_executor::objects;
use dpark_executor::protocol::{ToDriver, ToWorker, receive, receive_first, send};
use dpark_lineage::ExecutorId;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A connection that has not said hello by then is closed.
pub(crate) const HELLO: Duration = Duration::from_secs(20);

/// Whoever watches a worker's process hears of its end about now, and how it ended says more than a closed connection.
const PROCESS_END: Duration = Duration::from_millis(200);

/// Who is waited for.
pub(crate) trait Roster: Send + Sync + 'static {
    /// A worker with token and build of this run is there. What it shall be told from now on, if it is waited for.
    fn arrived(&self, executor: ExecutorId, shuffle: SocketAddr, pid: u32)
    -> Option<mpsc::UnboundedReceiver<ToWorker>>;
    /// A worker with the token of this run was not let in.
    fn refused(&self, _executor: ExecutorId, _reason: &str) {}
    /// The answer to a ping.
    fn pong(&self, _executor: ExecutorId, _number: u64) {}
    /// A worker that had arrived is no longer connected.
    fn gone(&self, executor: ExecutorId, reason: String);
}

/// The listening port.
pub(crate) struct Control {
    token: String,
    build: String,
    driver: mpsc::UnboundedSender<Message>,
    roster: Arc<dyn Roster>,
}

impl Control {
    /// Binds a port of `ip` for workers with `token` that run `build`; `roster` is made with its address.
    pub(crate) async fn listen<R: Roster>(
        ip: IpAddr,
        port: u16,
        token: String,
        build: String,
        driver: mpsc::UnboundedSender<Message>,
        roster: impl FnOnce(SocketAddr) -> Arc<R>,
    ) -> io::Result<Arc<R>> {
        let listener = TcpListener::bind((ip, port)).await?;
        let roster = roster(listener.local_addr()?);
        let this = Self { token, build, driver, roster: Arc::clone(&roster) as Arc<dyn Roster> };
        tokio::spawn(Arc::new(this).accept(listener));
        Ok(roster)
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let this = Arc::clone(&self);
                    tokio::spawn(async move {
                        if let Err(reason) = this.serve(stream).await {
                            tracing::warn!(%peer, %reason, "a connection to the driver was refused or broke");
                        }
                    });
                }
                // Too many open files, or the like: it may pass.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections of workers");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream) -> Result<(), String> {
        let _ = stream.set_nodelay(true);
        let (mut from, mut to) = stream.into_split();
        let hello = tokio::time::timeout(HELLO, receive_first::<ToDriver>(&mut from)).await;
        let hello = hello.map_err(|_| "no hello in time".to_owned())?.map_err(|error| error.to_string())?;
        let Some(ToDriver::Hello { token, executor, build, shuffle, pid }) = hello else {
            return Err("the first message is not a hello".into());
        };
        if !same_secret(&token, &self.token) {
            return Err("wrong token".into());
        }
        if build != self.build {
            let reason = format!("{executor} runs another build ({build}, the driver is {})", self.build);
            self.roster.refused(executor, &reason);
            return Err(reason);
        }
        let greeting = ToWorker::ObjectStores { variables: objects::portable_variables() };
        let Some(mut outgoing) = self.roster.arrived(executor, shuffle, pid) else {
            return Err(format!("{executor} is not expected"));
        };
        let sending = tokio::spawn(async move {
            if send(&mut to, &greeting).await.is_err() {
                return;
            }
            while let Some(message) = outgoing.recv().await {
                if send(&mut to, &message).await.is_err() {
                    break;
                }
            }
        });
        let reason = loop {
            match receive::<ToDriver>(&mut from).await {
                Ok(Some(ToDriver::Report { task, report })) => {
                    let _ = self.driver.send(Message::Report { executor, task, report });
                }
                Ok(Some(ToDriver::Pong { number })) => self.roster.pong(executor, number),
                Ok(Some(ToDriver::Hello { .. })) => break "a second hello".to_owned(),
                Ok(None) => break "the worker closed its connection".to_owned(),
                Err(error) => break format!("the worker's connection broke: {error}"),
            }
        };
        sending.abort();
        tokio::time::sleep(PROCESS_END).await;
        self.roster.gone(executor, reason);
        Ok(())
    }
}

/// Compares without telling by its time how much was right.
fn same_secret(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}
