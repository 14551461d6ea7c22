//! The tasks run on an Apache Mesos cluster: one executor an agent, started with the first task there; every task of ours
//! is a task of Mesos, with its own cores and memory.
//!
//! ```text
//!   event_loop ──demand──► Backend ──REVIVE, SUPPRESS, ACCEPT, DECLINE──► master ──► agents ──► executors
//!       ▲  └──launches────►   │  ▲                                          │                     │
//!       │                     │  └────────offers, updates, failures─────────┘                     │
//!       └──offers, losses─────┘                                                                   │
//!       ▲                                                                                         │
//!       └───────────────────────────control port: hello, reports──────────────────────────────────┘
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`backend`] | the loop that talks to the master |
//! | [`offers`], [`losses`] | what it does with offers, and with news of tasks, executors and agents |
//! | [`settings`] | the options, and what the master is told of the framework |
//! | [`book`] | what is known of agents and their executors |
//! | [`stock`] | an agent's offers at one moment, and the tasks made of them |
//! | [`appetite`] | when to ask for offers and when to ask for none |
//! | [`health`] | how long to keep away from an agent where executors die |
//! | [`binary`] | serves this program to agents that fetch it |
//! | [`sandbox`] | the last lines that an executor wrote |
//! | [`words`] | what Mesos says, in our words |

mod appetite;
mod backend;
mod binary;
mod book;
mod health;
mod losses;
mod offers;
mod sandbox;
mod settings;
mod stock;
mod words;

pub(crate) use backend::{Mesos, Parts};
pub(crate) use sandbox::Sandbox;
pub(crate) use settings::Settings;
