//! Where a context runs its tasks, and where that is looked up.
//!
//! In this order: the builder (or `-m`), `DPARK_MASTER`, the configuration file, `local[*]`.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A parsed master string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Master {
    /// N threads of this process.
    Local(usize),
    /// N worker processes on this machine, one task at a time each.
    Process(usize),
    /// A Mesos cluster: `mesos://host:port`, several masters `mesos://a:5050,b:5050`, or `zk://host:port/path`.
    Mesos(String),
}

impl FromStr for Master {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::Master(text.to_owned());
        if text.starts_with("mesos://") || text.starts_with("zk://") {
            let known = masters_of(text).parse::<mesos_rs::Masters>();
            return known.map(|_| Master::Mesos(text.to_owned())).map_err(|error| Error::Address(error.to_string()));
        }
        let (kind, count) = match text.trim().split_once('[') {
            None => (text.trim(), None),
            Some((kind, rest)) => (kind, Some(rest.strip_suffix(']').ok_or_else(unknown)?)),
        };
        let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
        let count = match count {
            None | Some("*") => cores(),
            Some(n) => n.parse().ok().filter(|n| (1..=4096).contains(n)).ok_or_else(unknown)?,
        };
        match kind {
            "local" => Ok(Master::Local(count)),
            "process" => Ok(Master::Process(count)),
            _ => Err(unknown()),
        }
    }
}

/// The masters of a URL, as their client understands it.
pub(crate) fn masters_of(url: &str) -> &str {
    url.strip_prefix("mesos://").unwrap_or(url)
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Master::Local(n) => write!(f, "local[{n}]"),
            Master::Process(n) => write!(f, "process[{n}]"),
            // Without a password.
            Master::Mesos(url) => match (url.split_once("://"), url.rsplit_once('@')) {
                (Some((scheme, _)), Some((_, hosts))) => write!(f, "{scheme}://{hosts}"),
                _ => write!(f, "{url}"),
            },
        }
    }
}

/// The settings of a configuration file: `master = "…"` and a table `[conf]` of options.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) master: Option<String>,
    #[serde(default)]
    pub(crate) conf: BTreeMap<String, toml::Value>,
    #[serde(skip)]
    path: PathBuf,
}

impl ConfigFile {
    /// Reads `DPARK_CONF`, which must exist when set, or else `dpark/dpark.toml` in the user's configuration directory.
    pub(crate) fn load() -> Result<Self> {
        let named = std::env::var_os("DPARK_CONF").filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
        let usual = || std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
        let Some(path) = named.clone().or_else(|| usual().map(|dir| dir.join("dpark/dpark.toml"))) else {
            return Ok(Self::default());
        };
        let error = |detail: String| Error::ConfigFile { path: path.display().to_string(), detail };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let read: Self = toml::from_str(&text).map_err(|e| error(e.to_string()))?;
                Ok(Self { path, ..read })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(e) => Err(error(e.to_string())),
        }
    }

    /// An error about what the file says, with its name.
    pub(crate) fn blame(&self, error: Error) -> Error {
        Error::ConfigFile { path: self.path.display().to_string(), detail: error.to_string() }
    }

    /// The options as text. `shuffle.partitions = 3` without quotes is a table in a table, and means the same.
    pub(crate) fn options(&self) -> Vec<(String, String)> {
        let mut options = vec![];
        self.conf.iter().for_each(|(key, value)| flatten(key, value, &mut options));
        options
    }
}

fn flatten(key: &str, value: &toml::Value, options: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(inner, value)| flatten(&format!("{key}.{inner}"), value, options));
        }
        toml::Value::String(text) => options.push((key.to_owned(), text.clone())),
        other => options.push((key.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_need_no_quotes() {
        let file: ConfigFile = toml::from_str(
            "[conf]\nshuffle.partitions = 3\n'task.cpus' = '0.5'\n[conf.datafusion.execution]\nbatch_size = 10",
        )
        .unwrap();
        let options = file.options();
        let options: Vec<_> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [("datafusion.execution.batch_size", "10"), ("shuffle.partitions", "3"), ("task.cpus", "0.5")];
        assert_eq!(options, expected);
    }

    #[test]
    fn masters_are_parsed() {
        assert_eq!("local[3]".parse::<Master>().unwrap(), Master::Local(3));
        assert_eq!("process[2]".parse::<Master>().unwrap(), Master::Process(2));
        assert!(matches!("local[*]".parse::<Master>().unwrap(), Master::Local(n) if n >= 1));
        let mesos = "zk://me:secret@a:2181,b:2181/mesos".parse::<Master>().unwrap();
        assert_eq!(mesos.to_string(), "zk://a:2181,b:2181/mesos");
        assert_eq!("mesos://a:5050".parse::<Master>().unwrap().to_string(), "mesos://a:5050");
        for wrong in ["", "local[", "local[0]", "local[x]", "yarn", "process[-1]", "mesos://", "zk://a:port/m"] {
            assert!(wrong.parse::<Master>().is_err(), "{wrong}");
        }
    }
}
