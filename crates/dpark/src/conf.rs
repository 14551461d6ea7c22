//! The one table of options, and the typed settings made from it. `docs/config.md` is generated from this table.

use crate::error::{Error, Result};
use dpark_executor::protocol::parse_compression;
use std::path::PathBuf;

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
        default: "the number of task slots",
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
        description: "Memory of one executor for operators and kept outputs: bytes, or with a unit (`512MB`, `4GB`).",
    },
    OptionInfo {
        key: "task.max_failures",
        default: "4",
        description: "How often the same task may fail before its job fails.",
    },
    OptionInfo {
        key: "dir",
        default: "`dpark` in the system's temporary directory",
        description: "Directory for shuffle and spill files; each process uses a directory of its own below.",
    },
];

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
    pub(crate) dir: PathBuf,
    /// `datafusion.*` options.
    pub(crate) session: Vec<(String, String)>,
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
            dir: std::env::temp_dir().join("dpark"),
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
                self.executor_memory = Some(parse_bytes(value).ok_or_else(|| bad("bytes, e.g. 512MB or 4GB"))?);
            }
            "task.max_failures" => {
                let failures = value.parse().ok().filter(|n| *n > 0);
                self.max_failures = failures.ok_or_else(|| bad("a number from 1"))?;
            }
            "dir" => self.dir = PathBuf::from(value),
            _ if key.starts_with("datafusion.") => self.session.push((key.to_owned(), value.to_owned())),
            _ => {
                return Err(Error::UnknownOption {
                    key: key.to_owned(),
                    known: OPTIONS.iter().map(|option| option.key).collect::<Vec<_>>().join(", "),
                });
            }
        }
        Ok(())
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
    }

    #[test]
    fn every_listed_option_is_known_and_wrong_values_say_what_is_expected() {
        // Every text may name a directory.
        for option in OPTIONS.iter().filter(|option| option.key != "dir") {
            let error = Conf::default().set(option.key, "nonsense").unwrap_err();
            assert!(matches!(&error, Error::Option { key, .. } if key == option.key), "{}: {error}", option.key);
            assert!(error.to_string().contains("expected"), "{error}");
        }
        let message = Conf::default().set("shuffle.partition", "3").unwrap_err().to_string();
        assert!(message.contains("shuffle.partitions"), "{message}");
    }
}
