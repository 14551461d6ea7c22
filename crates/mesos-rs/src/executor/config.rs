//! What Mesos tells an executor by its environment.

use super::duration;
use crate::error::ConfigError;
use crate::http::{Credential, Endpoint, Scheme, Tls};
use crate::proto::{ExecutorId, FrameworkId};
use crate::recordio::DEFAULT_LIMIT;
use std::path::PathBuf;
use std::time::Duration;

/// How to subscribe with the agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the agent is.
    pub agent: Endpoint,
    /// Whose executor this is.
    pub framework_id: FrameworkId,
    /// Which one.
    pub executor_id: ExecutorId,
    /// The sandbox.
    pub directory: PathBuf,
    /// Whether this process outlives its agent, and is to wait for another.
    pub checkpoint: bool,
    /// For how long.
    pub recovery_timeout: Duration,
    /// The longest wait before subscribing again.
    pub subscription_backoff_max: Duration,
    /// Between being told to end and being killed.
    pub shutdown_grace: Duration,
    /// The token, if the agent wants one.
    pub credential: Option<Credential>,
    /// For an agent at `https://`.
    pub tls: Option<Tls>,
    /// For connecting, for an answer, and for the first event.
    pub timeout: Duration,
    /// How long to wait for an acknowledgement before an update is sent again.
    pub update_retry: Duration,
    /// The longest event that is accepted, in bytes.
    pub record_limit: usize,
    /// So many events wait for the user before reading from the agent stops.
    pub event_capacity: usize,
}

impl Config {
    /// From this process' environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// From variables that are asked for by name.
    pub fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let needed = |name| {
            let missing = || ConfigError::Environment { name, detail: "it is not set".to_string() };
            variable(name).filter(|value| !value.is_empty()).ok_or_else(missing)
        };
        let time = |name, otherwise| match variable(name) {
            None => Ok(otherwise),
            Some(text) => duration::parse(&text)
                .ok_or_else(|| ConfigError::Environment { name, detail: format!("{text:?} is no length of time") }),
        };
        let flag = |name| matches!(variable(name).as_deref(), Some("1" | "true"));

        let encrypted = flag("LIBPROCESS_SSL_ENABLED") || flag("SSL_ENABLED");
        let scheme = if encrypted { Scheme::Https } else { Scheme::Http };
        let ca_file = variable("LIBPROCESS_SSL_CA_FILE").or_else(|| variable("SSL_CA_FILE")).map(PathBuf::from);
        Ok(Self {
            agent: agent(&needed("MESOS_AGENT_ENDPOINT")?, variable("MESOS_SLAVE_PID"), scheme)?,
            framework_id: needed("MESOS_FRAMEWORK_ID")?.into(),
            executor_id: needed("MESOS_EXECUTOR_ID")?.into(),
            directory: variable("MESOS_SANDBOX").or_else(|| variable("MESOS_DIRECTORY")).unwrap_or_default().into(),
            checkpoint: flag("MESOS_CHECKPOINT"),
            recovery_timeout: time("MESOS_RECOVERY_TIMEOUT", Duration::from_secs(15 * 60))?,
            subscription_backoff_max: time("MESOS_SUBSCRIPTION_BACKOFF_MAX", Duration::from_secs(2))?,
            shutdown_grace: time("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", Duration::from_secs(5))?,
            credential: variable("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").map(Credential::Bearer),
            tls: encrypted.then_some(Tls { ca_file }),
            timeout: Duration::from_secs(10),
            update_retry: Duration::from_secs(10),
            record_limit: DEFAULT_LIMIT,
            event_capacity: 64,
        })
    }
}

/// `MESOS_AGENT_ENDPOINT` has the address, `MESOS_SLAVE_PID` (`slave(1)@address`) the first part of the path.
fn agent(endpoint: &str, pid: Option<String>, scheme: Scheme) -> Result<Endpoint, ConfigError> {
    let process = pid.as_deref().and_then(|pid| pid.split_once('@')).map_or("slave(1)", |(process, _)| process);
    Endpoint::parse(endpoint, scheme, &format!("/{process}/api/v1/executor"), "agent")
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [(&str, &str); 9] = [
        ("MESOS_AGENT_ENDPOINT", "127.0.1.1:15051"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.1.1:15051"),
        ("MESOS_FRAMEWORK_ID", "f-0001"),
        ("MESOS_EXECUTOR_ID", "e"),
        ("MESOS_DIRECTORY", "/sandbox"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "7secs"),
    ];

    fn with(more: &[(&'static str, &'static str)]) -> Result<Config, ConfigError> {
        let all: Vec<_> = USUAL.iter().chain(more).rev().copied().collect();
        Config::from_variables(move |name| all.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn the_usual_environment_is_understood() {
        let config = with(&[]).unwrap();
        assert_eq!(config.agent.to_string(), "http://127.0.1.1:15051");
        assert_eq!(config.agent.path, "/slave(1)/api/v1/executor");
        assert!(config.checkpoint);
        assert_eq!(config.shutdown_grace, Duration::from_secs(7));
        assert_eq!(config.credential, None);

        let config = with(&[("LIBPROCESS_SSL_ENABLED", "true"), ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "t")]).unwrap();
        assert_eq!(config.agent.to_string(), "https://127.0.1.1:15051");
        assert_eq!(config.credential, Some(Credential::Bearer("t".into())));
    }

    #[test]
    fn what_is_missing_or_senseless_is_named() {
        let error = with(&[("MESOS_FRAMEWORK_ID", "")]).unwrap_err().to_string();
        assert!(error.contains("MESOS_FRAMEWORK_ID"), "{error}");
        let error = with(&[("MESOS_RECOVERY_TIMEOUT", "soon")]).unwrap_err().to_string();
        assert!(error.contains("MESOS_RECOVERY_TIMEOUT") && error.contains("soon"), "{error}");
    }
}
