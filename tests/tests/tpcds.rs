//! The 99 TPC-DS queries: every answer through each master is plain DataFusion's. See [`dpark_tests::tpcds`].

use dpark_tests::suite::Result;
use dpark_tests::tpcds::trials::Tpcds;
use libtest_mimic::Arguments;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    dpark::init();
    let arguments = Arguments::from_args();
    let tpcds = Tpcds::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")))?;
    Ok(libtest_mimic::run(&arguments, tpcds.trials()).exit_code())
}
