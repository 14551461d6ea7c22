//! Tables in an object store that only the driver's environment knows of.

use crate::fixture::{trial, two_agents};
use crate::run::{Ran, binary, root, shell};
use dpark_test_cluster::Cluster;
use dpark_tests::bucket::Bucket;
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("stores::executors_are_told", executors_are_told)]
}

/// The shell knows endpoint and credentials; agents and executors have them from nobody else.
fn executors_are_told() -> Result<(), Failed> {
    let cluster = Cluster::start(two_agents())?;
    let bucket = Bucket::serve(&root().join("sql/examples/data"));
    let program = format!("mesos.executor.path={}", binary().display());
    let sql = "SELECT a.name, count(*) AS n FROM 's3://data/flights.parquet' f JOIN 's3://data/airlines.parquet' a \
               ON a.carrier = f.carrier GROUP BY a.name ORDER BY n DESC, a.name LIMIT 2";
    let work = format!("dir={}", cluster.directory().join("driver").display());
    let conf = ["task.memory=256MB", "mesos.executor.memory=128MB", program.as_str(), work.as_str()];
    let mut args = vec!["-q", "--format", "csv", "-e", sql];
    args.extend(conf.iter().flat_map(|conf| ["--conf", conf]));
    let ran: Ran = shell(&args).env("DPARK_MASTER", cluster.masters()).envs(bucket.environment()).output()?.into();
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("name,n\nUnited Air Lines Inc.,58665\nJetBlue Airways,54635\n", "")
    );
    cluster.close()?;
    Ok(())
}
