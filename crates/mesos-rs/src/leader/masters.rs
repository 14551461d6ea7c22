//! How a user names the masters.

use crate::error::ConfigError;
use crate::http::{Credential, Endpoint, Scheme};
use std::str::FromStr;

/// The path of the scheduler API of every master.
pub(crate) const SCHEDULER_PATH: &str = "/api/v1/scheduler";

/// The masters of a cluster. From text: `host:port`, with `http://` or `https://` before it or not, several of them
/// separated by commas; or `zk://[user:password@]host:port,host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Masters {
    /// One of these is the leader, and each of them knows which.
    List(Vec<Endpoint>),
    /// ZooKeeper knows the leader.
    ZooKeeper(ZooKeeperAddress),
}

/// Where in a ZooKeeper the masters elect their leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZooKeeperAddress {
    /// `host:port`, separated by commas.
    pub servers: String,
    /// With a slash in front.
    pub path: String,
    /// For its `digest` scheme.
    pub credential: Option<Credential>,
}

impl FromStr for Masters {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if let Some(rest) = text.trim().strip_prefix("zk://") {
            return zookeeper(rest).map(Self::ZooKeeper).map_err(|detail| ConfigError::Address {
                // Without what may be a password.
                text: format!("zk://{}", rest.rsplit_once('@').map_or(rest, |(_, servers)| servers)),
                what: "ZooKeeper",
                detail: detail.to_string(),
            });
        }
        // A scheme said once holds for those after it.
        let mut scheme = Scheme::Http;
        let mut list = Vec::new();
        for part in text.split(',') {
            let endpoint = Endpoint::parse(part.trim(), scheme, SCHEDULER_PATH, "master")?;
            scheme = endpoint.scheme;
            list.push(endpoint);
        }
        Ok(Self::List(list))
    }
}

fn zookeeper(rest: &str) -> Result<ZooKeeperAddress, &'static str> {
    let (credential, rest) = match rest.rsplit_once('@') {
        None => (None, rest),
        Some((user, rest)) => {
            let (principal, secret) = user.split_once(':').ok_or("write user:password before the @")?;
            (Some(Credential::Basic { principal: principal.to_string(), secret: secret.to_string() }), rest)
        }
    };
    let (servers, path) = rest.split_once('/').unwrap_or((rest, ""));
    for server in servers.split(',') {
        Endpoint::parse(server, Scheme::Http, "/", "server").map_err(|_| "write host:port, separated by commas")?;
    }
    let path = format!("/{}", path.trim_matches('/'));
    if path == "/" {
        return Err("the path is missing, which is /mesos in most clusters");
    }
    Ok(ZooKeeperAddress { servers: servers.to_string(), path, credential })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_zookeepers_are_told_apart() {
        let Masters::List(list) = "https://m1:5050, m2:5051".parse().unwrap() else { panic!("no list") };
        let list: Vec<_> = list.iter().map(Endpoint::to_string).collect();
        assert_eq!(list, ["https://m1:5050", "https://m2:5051"]);

        let Masters::ZooKeeper(address) = "zk://me:pass:word@z1:2181,z2:2181/a/mesos/".parse().unwrap() else {
            panic!("no ZooKeeper")
        };
        assert_eq!((address.servers.as_str(), address.path.as_str()), ("z1:2181,z2:2181", "/a/mesos"));
        let secret = Credential::Basic { principal: "me".into(), secret: "pass:word".into() };
        assert_eq!(address.credential, Some(secret));

        for text in ["", "m1", "zk://z1:2181", "zk://z1/mesos", "zk://me@z1:2181/mesos", "zk:///mesos", "m1:1,,m2:1"] {
            assert!(text.parse::<Masters>().is_err(), "{text}");
        }
        let error = "zk://me:secret@z1:2181/".parse::<Masters>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
