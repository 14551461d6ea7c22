//! A line between the driver and the master that a trial can silence, cut and mend.
//!
//! A master announces one heartbeat in 15 s, and the driver waits for five of them before it gives a silent line up. On
//! its way through here that becomes one in 4 s, so that 20 s are enough; the true ones still come in time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// As the master announces them, in seconds.
const HEARTBEAT: f64 = 15.0;

/// As the driver hears it.
const HASTENED: f64 = 4.0;

/// The key of `heartbeat_interval_seconds` in SUBSCRIBED: field 2, eight bytes.
const KEY: u8 = (2 << 3) | 1;

#[derive(Clone, Copy, PartialEq)]
enum Line {
    Open,
    /// Connections stay, and new ones are made, but nothing goes through.
    Silent,
    /// Connections end, also new ones.
    Cut,
    /// The proxy ends.
    Gone,
}

struct State {
    line: Line,
    /// Of every connection that may still be open.
    ends: Vec<TcpStream>,
    hastened: bool,
}

/// See the module.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// A line to the master at `host:port`.
    pub(crate) fn start(master: &str) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { line: Line::Open, ends: vec![], hastened: false }));
        let (shared, master) = (Arc::clone(&state), master.to_owned());
        std::thread::spawn(move || {
            for driver in listener.incoming().flatten() {
                if !accept(driver, &master, &shared) {
                    break;
                }
            }
        });
        Ok(Proxy { address, state })
    }

    /// The master, for the driver.
    pub(crate) fn master(&self) -> String {
        format!("mesos://{}", self.address)
    }

    /// Whether the driver was told to expect heartbeats more often.
    pub(crate) fn hastened(&self) -> bool {
        self.state.lock().unwrap().hastened
    }

    /// From now on nothing goes through.
    pub(crate) fn silence(&self) {
        self.state.lock().unwrap().line = Line::Silent;
    }

    /// Ends all connections, and new ones too.
    pub(crate) fn cut(&self) {
        self.turn(Line::Cut);
    }

    /// New connections go through again. Those from before end: what they still hold must not arrive late.
    pub(crate) fn mend(&self) {
        self.turn(Line::Open);
    }

    fn turn(&self, line: Line) {
        let mut state = self.state.lock().unwrap();
        for end in state.ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
        state.line = line;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.turn(Line::Gone);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Takes a connection of the driver; false at the end.
fn accept(driver: TcpStream, master: &str, shared: &Arc<Mutex<State>>) -> bool {
    let mut state = shared.lock().unwrap();
    match state.line {
        Line::Gone => return false,
        Line::Cut => {}
        Line::Silent => state.ends.push(driver),
        Line::Open => {
            if let Ok(master) = TcpStream::connect(master) {
                let copies = (driver.try_clone().unwrap(), master.try_clone().unwrap());
                let back = (master.try_clone().unwrap(), driver.try_clone().unwrap());
                for ((from, to), from_master) in [(copies, false), (back, true)] {
                    let shared = Arc::clone(shared);
                    std::thread::spawn(move || pump(from, to, from_master, &shared));
                }
                state.ends.extend([driver, master]);
            }
        }
    }
    true
}

/// Passes on what comes, and the end.
fn pump(mut from: TcpStream, mut to: TcpStream, from_master: bool, shared: &Mutex<State>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        while shared.lock().unwrap().line == Line::Silent {
            std::thread::sleep(Duration::from_millis(5));
        }
        let bytes = &mut buffer[..count];
        if from_master && hasten(bytes) {
            shared.lock().unwrap().hastened = true;
        }
        if count == 0 || to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// Announces heartbeats more often, if they are announced here.
fn hasten(bytes: &mut [u8]) -> bool {
    let announced = [&[KEY][..], &HEARTBEAT.to_le_bytes()].concat();
    let Some(at) = bytes.windows(announced.len()).position(|window| window == announced) else { return false };
    bytes[at + 1..at + announced.len()].copy_from_slice(&HASTENED.to_le_bytes());
    true
}
