//! The options, and what the master is told of the framework.

use crate::conf::Conf;
use crate::error::{Error, Result};
use crate::master::masters_of;
use dpark_lineage::Resources;
use mesos_rs::constraints::Constraints;
use mesos_rs::proto::FrameworkInfo;
use mesos_rs::scheduler::Config;
use mesos_rs::{Credential, Masters, Tls};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

/// Everything the backend must know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(super) config: Config,
    /// What an executor takes besides its tasks.
    pub(super) executor: Resources,
    /// Starts the executor on agents; without it they fetch this program from the driver.
    pub(super) executor_path: Option<PathBuf>,
    /// An executor without tasks and outputs ends after this.
    pub(super) idle: Duration,
    pub(super) constraints: Constraints,
    /// At most so many tasks at a time on one agent.
    pub(super) max_tasks: usize,
    /// Where executors find the driver.
    pub(super) address: IpAddr,
    /// 0: any.
    pub(super) port: u16,
}

impl Settings {
    /// For `mesos://…` or `zk://…`.
    pub(crate) fn new(master: &str, conf: &Conf) -> Result<Self> {
        let bad = |key: &str, value: &str, error: &dyn std::fmt::Display| Error::Option {
            key: key.to_owned(),
            value: value.to_owned(),
            expected: error.to_string(),
        };
        let mesos = &conf.mesos;
        let masters: Masters = masters_of(master).parse().map_err(|_| Error::Master(master.to_owned()))?;
        let constraints =
            mesos.constraints.parse().map_err(|error| bad("mesos.constraints", &mesos.constraints, &error))?;
        let user = mesos.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".into());
        let mut framework = FrameworkInfo::new(&user, &mesos.name);
        framework.roles = vec![mesos.role.clone()];
        framework.failover_timeout = Some(mesos.failover_timeout.as_secs_f64());
        framework.principal = mesos.principal.clone();
        let address = match mesos.driver_host {
            Some(address) => address,
            None => address_towards(master),
        };
        framework.hostname = Some(address.to_string());
        let mut config = Config::new(masters, framework);
        if let (Some(principal), Some(file)) = (&mesos.principal, &mesos.secret_file) {
            let credential = Credential::from_secret_file(principal, file);
            let path = file.display().to_string();
            config.credential = Some(credential.map_err(|error| bad("mesos.secret_file", &path, &error))?);
        }
        if let Some(file) = &mesos.ca_file {
            config.tls = Some(Tls { ca_file: Some(file.clone()) });
        }
        Ok(Self {
            config,
            executor: mesos.executor,
            executor_path: mesos.executor_path.clone(),
            idle: mesos.idle,
            constraints,
            max_tasks: mesos.max_tasks,
            address,
            port: mesos.driver_port,
        })
    }

    /// Where the driver's ports are.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}

/// The address of this machine that leads to the first host of the master's URL. Nothing is sent for that.
fn address_towards(master: &str) -> IpAddr {
    let hosts = master.split_once("://").map_or(master, |(_, rest)| rest);
    let hosts = hosts.rsplit_once('@').map_or(hosts, |(_, rest)| rest);
    let first = hosts.split([',', '/']).next().unwrap_or(hosts);
    let towards = |target: &str| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect(target).ok()?;
        socket.local_addr().ok()
    };
    let found = towards(first).or_else(|| towards(&format!("{first}:5050"))).map(|address: SocketAddr| address.ip());
    found.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_master_tells_the_address() {
        for master in
            ["mesos://127.0.0.1:5050", "zk://user:secret@127.0.0.1:2181,127.0.0.2:2181/mesos", "mesos://127.0.0.1"]
        {
            assert_eq!(address_towards(master), IpAddr::V4(Ipv4Addr::LOCALHOST), "{master}");
        }
    }
}
