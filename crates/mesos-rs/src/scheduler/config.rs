//! What a scheduler says about itself, and how patient it is.

use crate::http::{Credential, Tls};
use crate::leader::Masters;
use crate::proto::{Capability, CapabilityType, FrameworkInfo};
use crate::recordio::DEFAULT_LIMIT;
use std::time::Duration;

/// How to subscribe. [`Config::new`] fills in all but the first two.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the masters are.
    pub masters: Masters,
    /// What the master is told. With `id` set, this takes over the framework of that id, whose other scheduler is told
    /// to end; without, the master gives one, and it is kept here across disconnections. Set `failover_timeout`: it is
    /// how long the tasks live on without a scheduler, and by default that is not at all.
    pub framework: FrameworkInfo,
    /// Roles that are not offered anything at first.
    pub suppressed_roles: Vec<String>,
    /// For masters that want to know who we are.
    pub credential: Option<Credential>,
    /// For masters at `https://`. With it, those that ZooKeeper names are taken to be so, too.
    pub tls: Option<Tls>,
    /// For connecting, for an answer, and for the first event.
    pub timeout: Duration,
    /// The first and the longest wait before subscribing again.
    pub backoff: (Duration, Duration),
    /// After so many heartbeats' time of silence a connection is given up.
    pub missed_heartbeats: u32,
    /// The longest event that is accepted, in bytes.
    pub record_limit: usize,
    /// So many events wait for the user before reading from the master stops.
    pub event_capacity: usize,
}

impl Config {
    /// With usual patience.
    pub fn new(masters: Masters, framework: FrameworkInfo) -> Self {
        Self {
            masters,
            framework,
            suppressed_roles: Vec::new(),
            credential: None,
            tls: None,
            timeout: Duration::from_secs(10),
            backoff: (Duration::from_millis(200), Duration::from_secs(10)),
            missed_heartbeats: 5,
            record_limit: DEFAULT_LIMIT,
            event_capacity: 64,
        }
    }
}

impl FrameworkInfo {
    /// A framework of the role `*` with the capabilities that this crate is made for: PARTITION_AWARE, MULTI_ROLE,
    /// RESERVATION_REFINEMENT and TASK_KILLING_STATE; its executors outlive restarts of their agents.
    pub fn new(user: &str, name: &str) -> Self {
        let capabilities = [
            CapabilityType::PartitionAware,
            CapabilityType::MultiRole,
            CapabilityType::ReservationRefinement,
            CapabilityType::TaskKillingState,
        ];
        Self {
            user: user.to_string(),
            name: name.to_string(),
            roles: vec!["*".to_string()],
            checkpoint: Some(true),
            capabilities: Capability::list(&capabilities),
            ..Self::default()
        }
    }
}
