//! Our own sqllogictest files, under each master: the statements that people type, their answers and their errors.
//!
//! `plain::…` runs the same file through DataFusion alone, so that what we expect is what one process gives; only
//! `dpark.slt`, which has statements of our own, is left out there. All paths in the files start at the root of the
//! repository. `SLT_UPDATE=1 cargo nextest run --test slt plain` writes the answers into the files (review them!).

use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_sqllogictest::{df_value_validator, value_normalizer};
use dpark_tests::oracle::Result;
use dpark_tests::suite::engine::{Engine, Session};
use libtest_mimic::{Arguments, Failed, Trial};
use sqllogictest::{Runner, strict_column_validator};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PLAIN: &str = "plain";
const ENGINES: [&str; 3] = [PLAIN, "local[2]", "process[2]"];
/// Statements that DataFusion alone does not know.
const OURS: &str = "dpark";

fn main() -> Result<ExitCode> {
    dpark::init();
    let arguments = Arguments::from_args();
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir("tests/sqllogictest")? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    let mut trials = Vec::new();
    for engine in ENGINES {
        for path in files.clone() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if engine == PLAIN && stem == OURS {
                continue;
            }
            let name = format!("{}::{stem}", engine.replace(['[', ']'], ""));
            trials.push(Trial::test(name, move || run(&path, engine).map_err(|error| Failed::from(error.to_string()))));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn run(path: &PathBuf, engine: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let session = match engine {
            PLAIN => {
                let config = SessionConfig::new().with_target_partitions(1).with_information_schema(true);
                Session::Plain(SessionContext::new_with_config(config).enable_url_table())
            }
            // Three buckets for two threads, and scans that split however small the file.
            master => Session::Dpark(
                dpark::Context::builder()
                    .master(master)
                    .conf("shuffle.partitions", "3")
                    .conf("datafusion.optimizer.repartition_file_min_size", "1")
                    .build()?,
            ),
        };
        let engine = Engine::new(session.clone(), false);
        let mut runner = Runner::new(move || {
            let engine = engine.clone();
            async move { Ok(engine) }
        });
        runner.with_column_validator(strict_column_validator);
        runner.with_normalizer(value_normalizer);
        runner.with_validator(df_value_validator);
        let result = if std::env::var_os("SLT_UPDATE").is_some() {
            let update =
                runner.update_test_file(path, " ", df_value_validator, value_normalizer, strict_column_validator);
            update.await.map_err(|error| error.to_string())
        } else {
            runner.run_file_async(path).await.map_err(|error| error.display(false).to_string())
        };
        if let Session::Dpark(context) = session {
            context.stop().await;
        }
        Ok(result?)
    })
}
