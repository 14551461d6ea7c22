//! DataFusion's own sqllogictest suite: every record answers the same through each master as through plain DataFusion.
//! See [`dpark_tests::suite`].

use dpark_tests::suite::{Result, corpus, report::Suite};
use libtest_mimic::Arguments;
use std::path::Path;
use std::process::ExitCode;

const MASTERS: [&str; 2] = ["local[2]", "process[2]"];

fn main() -> Result<ExitCode> {
    dpark::init();
    let arguments = Arguments::from_args();
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let crate_dir = corpus::crate_dir()?;
    let suite = Suite::new(tmp)?;
    let trials = suite.trials(&corpus::groups(&crate_dir)?, &MASTERS);
    if arguments.list {
        return Ok(libtest_mimic::run(&arguments, trials).exit_code());
    }
    corpus::enter_work_dir(tmp, &crate_dir)?;
    let count = trials.len();
    let conclusion = libtest_mimic::run(&arguments, trials);
    suite.finish(count)?;
    corpus::remove_work_dir(tmp)?;
    Ok(conclusion.exit_code())
}
