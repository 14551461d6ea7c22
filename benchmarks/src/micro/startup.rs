//! How long someone waits for the shell to say one.

use super::Figure;
use crate::Result;
use crate::stats::median;
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 21;

/// Wall time of `dpark-sql -e 'select 1'`, the program beside this one, in threads and in worker processes.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    let shell = std::env::current_exe()?.with_file_name("dpark-sql");
    if !shell.exists() {
        println!("start-up: left out, there is no {}: cargo build --release -p dpark-sql", shell.display());
        return Ok(());
    }
    for master in ["local[2]", "process[2]"] {
        let mut times = Vec::new();
        let mut said_one = true;
        for _ in 0..RUNS {
            let mut command = Command::new(&shell);
            command.args(["-m", master, "-e", "select 1"]).stdin(Stdio::null());
            let start = Instant::now();
            let output = command.output()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            said_one &= output.stdout.contains(&b'1');
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("dpark-sql -m {master} -e 'select 1': {}: {words}", output.status).into());
            }
        }
        // A program that says nothing is no shell (an older or unfinished build): its time would flatter.
        if !said_one {
            println!("start-up: left out, {} -m {master} -e 'select 1' does not print 1", shell.display());
            return Ok(());
        }
        let name = format!("dpark-sql -m {master} -e 'select 1': wall");
        if let Some(value) = median(&times) {
            Figure { name, value, unit: "ms", rows: None }.print(figures);
        }
    }
    Ok(())
}
