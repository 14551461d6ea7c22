//! A terminal for the shell: a pseudo-terminal whose other end the test types on and reads.

use super::run::shell;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A shell at a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    child: Child,
    /// What has been shown and not yet been asked for.
    screen: String,
}

impl Terminal {
    /// Opens a terminal of 100 columns and starts the shell on it.
    pub(crate) fn start(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: both descriptors are written by the call before they are used, name and settings may be null.
        let opened =
            unsafe { libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null_mut(), &size) };
        assert_eq!(opened, 0, "no pseudo-terminal");
        // SAFETY: the descriptors are ours and open.
        let (keyboard, screen) = unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) };
        let mut command = shell(args);
        command.env("TERM", "xterm").env("NO_COLOR", "1").envs(environment.iter().copied());
        command
            .stdin(screen.try_clone().unwrap())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen.try_clone().unwrap());
        // SAFETY: only system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop((screen, command));
        // SAFETY: a plain flag on a descriptor of ours.
        unsafe { libc::fcntl(keyboard.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        Terminal { keyboard, child, screen: String::new() }
    }

    /// Types keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line and Enter.
    pub(crate) fn line(&mut self, text: &str) {
        self.keys(&format!("{text}\r"));
    }

    /// Waits until a text is shown and gives what was shown up to its end.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen.find(text) {
                let rest = self.screen.split_off(at + text.len());
                return std::mem::replace(&mut self.screen, rest);
            }
            assert!(Instant::now() < deadline, "'{text}' is not shown, but: {:?}", self.screen);
            if !self.read() {
                panic!("the shell ended before '{text}' was shown: {:?}", self.screen);
            }
        }
    }

    /// Waits until the shell ends.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.read() {
            assert!(Instant::now() < deadline, "the shell does not end: {:?}", self.screen);
        }
        (self.child.wait().unwrap(), std::mem::take(&mut self.screen))
    }

    /// Reads what is there; false when the other end is closed.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.keyboard.read(&mut bytes) {
            Ok(0) => return false,
            Ok(n) => self.screen.push_str(&plain(&String::from_utf8_lossy(&bytes[..n]))),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(_) => return false,
        }
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text without escape sequences.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| !c.is_ascii_alphabetic()).is_some() {}
            chars.next();
        }
    }
    out
}
