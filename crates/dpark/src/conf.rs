//! The one table of options, and the typed settings made from it. `docs/config.md` is generated from this table.

use crate::error::{Error, Result};
use dpark_executor::protocol::parse_compression;
use dpark_lineage::{Resources, SchedulerConfig, Speculation};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionInfo {
    /// The key, as given to `.conf(key, value)` or `--conf key=value`.
    pub key: &'static str,
    /// The default, in words where it depends on the machine.
    pub default: &'static str,
    /// What it does, with the unit.
    pub description: &'static str,
}

/// All options of DPark's own. Keys that begin with `datafusion.` go to DataFusion's session configuration.
pub const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        key: "shuffle.partitions",
        default: "the number of task slots; 8 on a cluster",
        description: "Partitions of every exchange (and, at most, of every scan): 1 or more.",
    },
    OptionInfo {
        key: "shuffle.compression",
        default: "lz4",
        description: "Compression of shuffle files and of shuffle data on the wire: `none`, `lz4` or `zstd`.",
    },
    OptionInfo {
        key: "shuffle.memory",
        default: "true",
        description: "Keep task outputs in memory and send them to disk only under pressure; `false` writes all to disk.",
    },
    OptionInfo {
        key: "shuffle.memory_fraction",
        default: "0.5",
        description: "Part of `executor.memory` that kept outputs (shuffle and cache) may use, 0 to 1.",
    },
    OptionInfo {
        key: "shuffle.keep",
        default: "256MB",
        description: "Bytes of finished shuffle outputs kept after their jobs, for later jobs over the same unchanged data, at most an eighth of `executor.memory`: bytes, or with a unit; `0` keeps none.",
    },
    OptionInfo {
        key: "executor.memory",
        default: "70 % of the machine's memory, divided by the number of executors",
        description: "Memory of one executor for operators and kept outputs, at least 1MB: bytes, or with a unit (`512MB`, `4GB`). The program itself and what is being read and written take more beside it, some 100 MB and up.",
    },
    OptionInfo {
        key: "task.max_failures",
        default: "4",
        description: "How often the same task may fail before its job fails.",
    },
    OptionInfo {
        key: "task.error_budget",
        default: "none",
        description: "The part of rows for which closures of data sets may fail, such as `0.001`: those are left out and counted.",
    },
    OptionInfo {
        key: "task.cpus",
        default: "1",
        description: "Cores that a task takes on a cluster, with up to three decimals; `SET task.cpus = '0.5'` changes it for the queries that follow. Elsewhere a task takes a slot.",
    },
    OptionInfo {
        key: "task.memory",
        default: "512MB",
        description: "Memory that a task takes on a cluster; one that had too little gets twice as much when it runs again. `SET task.memory = '2GB'` changes it for the queries that follow.",
    },
    OptionInfo {
        key: "task.speculation",
        default: "true on a cluster, else false",
        description: "A task that takes three times as long as the median of its stage, of which three quarters are done, and at least a second, gets a second attempt on another machine; the first to finish counts.",
    },
    OptionInfo {
        key: "task.locality_wait",
        default: "0.5s on a cluster, else 0",
        description: "How long a task whose cached or narrow input lies on a busy executor waits for that executor before it takes another.",
    },
    OptionInfo { key: "mesos.name", default: "dpark", description: "Name of the framework, as the master shows it." },
    OptionInfo { key: "mesos.role", default: "`*`", description: "Role whose resources are used." },
    OptionInfo { key: "mesos.user", default: "the user of the driver", description: "User as whom executors run." },
    OptionInfo {
        key: "mesos.principal",
        default: "none",
        description: "Principal of the framework, for a master that wants authentication.",
    },
    OptionInfo { key: "mesos.secret_file", default: "none", description: "File with the principal's secret." },
    OptionInfo {
        key: "mesos.ca_file",
        default: "the system's",
        description: "Certificates (PEM) by which a master at `https` is known. Given one, masters found by ZooKeeper are taken to be at `https`.",
    },
    OptionInfo {
        key: "mesos.constraints",
        default: "none",
        description: "Attributes that agents must have, e.g. `rack:r1,!gpu`: of all that are listed.",
    },
    OptionInfo {
        key: "mesos.max_tasks",
        default: "no limit",
        description: "Tasks that run at a time on one agent, at most.",
    },
    OptionInfo {
        key: "mesos.executor.path",
        default: "fetched from the driver",
        description: "Where agents find this program, if it is installed on them; the very same build.",
    },
    OptionInfo {
        key: "mesos.executor.cpus",
        default: "0.1",
        description: "Cores that an executor takes besides its tasks'.",
    },
    OptionInfo {
        key: "mesos.executor.memory",
        default: "256MB",
        description: "Memory that an executor takes besides its tasks'; half of it is for kept outputs.",
    },
    OptionInfo {
        key: "mesos.executor.idle",
        default: "60s",
        description: "An executor without tasks and outputs ends after this: `0.5s`, `60s`, `10m`.",
    },
    OptionInfo {
        key: "mesos.failover_timeout",
        default: "2m",
        description: "How long tasks live on while the driver has no connection to the master.",
    },
    OptionInfo {
        key: "driver.host",
        default: "the address by which this machine reaches the master",
        description: "Address (IP) at which executors reach the driver.",
    },
    OptionInfo { key: "driver.port", default: "any", description: "Port at which executors reach the driver." },
    OptionInfo {
        key: "dir",
        default: "`dpark-` and the user's number in the system's temporary directory",
        description: "Directory for shuffle and spill files; each process uses a directory of its own below.",
    },
];

/// Reading a cached partition from another machine takes about as long as a task takes to end somewhere.
const CLUSTER_LOCALITY_WAIT: Duration = Duration::from_millis(500);

/// Settings of one context.
#[derive(Debug, Clone)]
pub(crate) struct Conf {
    pub(crate) partitions: Option<usize>,
    pub(crate) compression: String,
    pub(crate) keep_in_memory: bool,
    pub(crate) store_fraction: f64,
    pub(crate) kept_bytes: u64,
    pub(crate) executor_memory: Option<usize>,
    pub(crate) max_failures: u32,
    pub(crate) error_budget: Option<f64>,
    pub(crate) speculation: Option<bool>,
    pub(crate) locality_wait: Option<Duration>,
    pub(crate) dir: PathBuf,
    /// What a task takes of a cluster.
    pub(crate) needs: Resources,
    pub(crate) mesos: MesosConf,
    /// `datafusion.*` options.
    pub(crate) session: Vec<(String, String)>,
}

/// Settings of a Mesos cluster.
#[derive(Debug, Clone)]
pub(crate) struct MesosConf {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) user: Option<String>,
    pub(crate) principal: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) constraints: String,
    pub(crate) max_tasks: usize,
    pub(crate) executor_path: Option<PathBuf>,
    /// What an executor takes besides its tasks.
    pub(crate) executor: Resources,
    pub(crate) idle: Duration,
    pub(crate) failover_timeout: Duration,
    pub(crate) driver_host: Option<IpAddr>,
    pub(crate) driver_port: u16,
}

impl Default for MesosConf {
    fn default() -> Self {
        Self {
            name: "dpark".into(),
            role: "*".into(),
            user: None,
            principal: None,
            secret_file: None,
            ca_file: None,
            constraints: String::new(),
            max_tasks: usize::MAX,
            executor_path: None,
            executor: Resources { cpus: 100, memory: 256 },
            idle: Duration::from_secs(60),
            failover_timeout: Duration::from_secs(120),
            driver_host: None,
            driver_port: 0,
        }
    }
}

impl Default for Conf {
    fn default() -> Self {
        Self {
            partitions: None,
            compression: "lz4".into(),
            keep_in_memory: true,
            store_fraction: 0.5,
            kept_bytes: 256 << 20,
            executor_memory: None,
            max_failures: 4,
            error_budget: None,
            speculation: None,
            locality_wait: None,
            dir: own_directory(),
            needs: Resources { cpus: 1000, memory: 512 },
            mesos: MesosConf::default(),
            session: vec![],
        }
    }
}

impl Conf {
    /// Sets one option.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let bad = |expected: &str| Error::Option {
            key: key.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        };
        match key {
            "shuffle.partitions" => {
                let partitions = value.parse().ok().filter(|n| *n > 0);
                self.partitions = Some(partitions.ok_or_else(|| bad("a number from 1"))?);
            }
            "shuffle.compression" => {
                parse_compression(value).ok_or_else(|| bad("none, lz4 or zstd"))?;
                self.compression = value.to_owned();
            }
            "shuffle.memory" => self.keep_in_memory = value.parse().map_err(|_| bad("true or false"))?,
            "shuffle.memory_fraction" => {
                let fraction = value.parse().ok().filter(|f| (0.0..=1.0).contains(f));
                self.store_fraction = fraction.ok_or_else(|| bad("a number from 0 to 1"))?;
            }
            "shuffle.keep" => {
                let bytes = if value.trim() == "0" { Some(0) } else { parse_bytes(value) };
                self.kept_bytes = bytes.ok_or_else(|| bad("bytes, e.g. 64MB, or 0"))? as u64;
            }
            "executor.memory" => {
                let bytes = parse_bytes(value).filter(|bytes| *bytes >= MIN_EXECUTOR_MEMORY);
                self.executor_memory = Some(bytes.ok_or_else(|| bad("bytes, at least 1MB, e.g. 512MB or 4GB"))?);
            }
            "task.max_failures" => {
                let failures = value.parse().ok().filter(|n| *n > 0);
                self.max_failures = failures.ok_or_else(|| bad("a number from 1"))?;
            }
            "task.error_budget" => {
                let part = value.parse().ok().filter(|part| (0.0..=1.0).contains(part));
                self.error_budget = Some(part.ok_or_else(|| bad("a part from 0 to 1, e.g. 0.001"))?);
            }
            "task.speculation" => self.speculation = Some(value.parse().map_err(|_| bad("true or false"))?),
            "task.locality_wait" => {
                self.locality_wait = Some(parse_time(value).ok_or_else(|| bad("a time, e.g. 0.5s"))?);
            }
            "dir" => self.dir = PathBuf::from(value),
            "task.cpus" => self.needs.cpus = parse_cpus(value).ok_or_else(|| bad("cores, e.g. 1 or 0.5"))?,
            "task.memory" => self.needs.memory = parse_mib(value).ok_or_else(|| bad("bytes, e.g. 512MB"))?,
            key if key.starts_with("mesos.") || key.starts_with("driver.") => match self.mesos.set(key, value) {
                Some(Ok(())) => {}
                Some(Err(expected)) => return Err(bad(expected)),
                None => return Err(unknown(key)),
            },
            _ if key.starts_with("datafusion.") => self.session.push((key.to_owned(), value.to_owned())),
            _ => return Err(unknown(key)),
        }
        Ok(())
    }

    /// How patient the scheduler is; `cluster`: on machines of others.
    pub(crate) fn scheduler(&self, cluster: bool) -> SchedulerConfig {
        let wait = if cluster { CLUSTER_LOCALITY_WAIT } else { Duration::ZERO };
        SchedulerConfig {
            max_failures: self.max_failures,
            speculation: self.speculation.unwrap_or(cluster).then(Speculation::default),
            locality_wait: self.locality_wait.unwrap_or(wait),
            ..SchedulerConfig::default()
        }
    }

    /// Memory of each of `executors` executors.
    pub(crate) fn memory_of_each(&self, executors: usize) -> usize {
        self.executor_memory.unwrap_or_else(|| machine_memory() / 10 * 7 / executors.max(1))
    }

    /// The part of an executor's memory for kept outputs.
    pub(crate) fn store_memory(&self, memory: usize) -> usize {
        if self.keep_in_memory { (memory as f64 * self.store_fraction) as usize } else { 0 }
    }
}

impl MesosConf {
    /// Sets one option. `None`: there is none of that name; an error is what was expected.
    fn set(&mut self, key: &str, value: &str) -> Option<Result<(), &'static str>> {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        let time = "a time, e.g. 0.5s, 60s or 10m";
        let set = match key {
            "mesos.name" => {
                let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
                text().filter(plain).map(|name| self.name = name).ok_or("a name of letters, digits, `-`, `_` and `.`")
            }
            "mesos.role" => text().map(|role| self.role = role).ok_or("a role"),
            "mesos.user" => text().map(|user| self.user = Some(user)).ok_or("a user"),
            "mesos.principal" => text().map(|principal| self.principal = Some(principal)).ok_or("a principal"),
            "mesos.secret_file" => text().map(|file| self.secret_file = Some(file.into())).ok_or("a file"),
            "mesos.ca_file" => text().map(|file| self.ca_file = Some(file.into())).ok_or("a file"),
            "mesos.constraints" => {
                let checked = value.parse::<mesos_rs::constraints::Constraints>();
                checked.map(|_| self.constraints = value.to_owned()).map_err(|_| "attributes, e.g. rack:r1,!gpu")
            }
            "mesos.max_tasks" => {
                value.parse().ok().filter(|n| *n > 0).map(|n| self.max_tasks = n).ok_or("a number from 1")
            }
            "mesos.executor.path" => text().map(|path| self.executor_path = Some(path.into())).ok_or("a path"),
            "mesos.executor.cpus" => {
                parse_cpus(value).map(|cpus| self.executor.cpus = cpus).ok_or("cores, e.g. 1 or 0.5")
            }
            "mesos.executor.memory" => {
                parse_mib(value).map(|memory| self.executor.memory = memory).ok_or("bytes, e.g. 512MB")
            }
            "mesos.executor.idle" => parse_time(value).map(|idle| self.idle = idle).ok_or(time),
            "mesos.failover_timeout" => parse_time(value).map(|timeout| self.failover_timeout = timeout).ok_or(time),
            "driver.host" => value.parse().map(|host| self.driver_host = Some(host)).map_err(|_| "an IP address"),
            "driver.port" => value.parse().map(|port| self.driver_port = port).map_err(|_| "a port, 0 to 65535"),
            _ => return None,
        };
        Some(set)
    }
}

fn unknown(key: &str) -> Error {
    let known = OPTIONS.iter().map(|option| option.key).collect::<Vec<_>>().join(", ");
    Error::UnknownOption { key: key.to_owned(), known }
}

/// Cores to thousandths.
fn parse_cpus(text: &str) -> Option<u32> {
    let cpus = text.trim().parse::<f64>().ok().filter(|cpus| (0.001..=4096.0).contains(cpus))?;
    Some((cpus * 1000.0).round() as u32)
}

/// Thousandths of a core as they are written.
pub(crate) fn cpus_text(cpus: u32) -> String {
    (f64::from(cpus) / 1000.0).to_string()
}

/// MiB as they are written.
pub(crate) fn memory_text(memory: u64) -> String {
    format!("{memory}MiB")
}

fn parse_mib(text: &str) -> Option<u64> {
    parse_bytes(text).map(|bytes| (bytes as u64).div_ceil(1 << 20))
}

fn parse_time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// With less, not one batch has room.
const MIN_EXECUTOR_MEMORY: usize = 1 << 20;

fn parse_bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    (bytes >= 1.0).then_some(bytes as usize)
}

/// Below the temporary directory, which users share.
fn own_directory() -> PathBuf {
    // SAFETY: getuid only reads.
    let user = unsafe { libc::getuid() };
    std::env::temp_dir().join(format!("dpark-{user}"))
}

fn machine_memory() -> usize {
    // SAFETY: sysconf only reads.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    match (usize::try_from(pages), usize::try_from(size)) {
        (Ok(pages), Ok(size)) if pages > 0 && size > 0 => pages.saturating_mul(size),
        _ => 4 << 30,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        assert_eq!(parse_bytes("1024"), Some(1024));
        assert_eq!(parse_bytes("1.5 GB"), Some(3 << 29));
        assert_eq!(parse_bytes("64MiB"), Some(64 << 20));
        assert_eq!(parse_bytes("much"), None);
        assert_eq!(parse_bytes("0"), None);
        assert_eq!((parse_mib("512MB"), parse_mib("1")), (Some(512), Some(1)));
    }

    #[test]
    fn cores_and_times_too() {
        assert_eq!((parse_cpus("1"), parse_cpus("0.25"), parse_cpus("0")), (Some(1000), Some(250), None));
        assert_eq!(parse_time("0.5s"), Some(Duration::from_millis(500)));
        assert_eq!(parse_time("10m"), Some(Duration::from_secs(600)));
        assert_eq!((parse_time("soon"), parse_time("-1s")), (None, None));
    }

    #[test]
    fn every_listed_option_is_known_and_wrong_values_say_what_is_expected() {
        // Every text may name a directory, a file, a user.
        let free = ["dir", "name", "role", "user", "principal", "file", "path", "constraints"];
        let is_free = |key: &str| free.iter().any(|word| key.ends_with(word));
        for option in OPTIONS.iter().filter(|option| !is_free(option.key)) {
            let error = Conf::default().set(option.key, "nonsense").unwrap_err();
            assert!(matches!(&error, Error::Option { key, .. } if key == option.key), "{}: {error}", option.key);
            assert!(error.to_string().contains("expected"), "{error}");
        }
        let message = Conf::default().set("shuffle.partition", "3").unwrap_err().to_string();
        assert!(message.contains("shuffle.partitions"), "{message}");
    }
}
