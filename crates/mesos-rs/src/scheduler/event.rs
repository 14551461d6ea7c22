//! What a scheduler hears.

use crate::error::LinkError;
use crate::proto::scheduler::{Event as Wire, EventType, Failure};
use crate::proto::{
    AgentId, ExecutorId, FrameworkId, InverseOffer, MasterInfo, Offer, OfferId, OperationStatus, TaskStatus,
};
use bytes::Bytes;
use std::time::Duration;

/// From the master, or about the connection to it. Heartbeats are not passed on.
#[derive(Debug)]
pub enum Event {
    /// Subscribed. All offers from before are void; what became of the tasks is worth asking (see
    /// [`Reconciler`](super::Reconciler)), since updates may have been missed meanwhile.
    Connected {
        /// To be kept by those who want to take the framework over in another process.
        framework_id: FrameworkId,
        /// As the master describes itself.
        master: Option<MasterInfo>,
        /// Whether it is not the first time.
        again: bool,
    },
    /// The subscription is lost. It will be tried to get it back.
    Disconnected {
        /// How it was lost.
        why: LinkError,
    },
    /// It was tried to subscribe, in vain. Follows [`Event::Disconnected`] or comes before the first
    /// [`Event::Connected`], as often as it is tried.
    Retrying {
        /// What came of it.
        why: LinkError,
        /// How long it is waited before the next time.
        after: Duration,
    },
    /// New offers.
    Offers(Vec<Offer>),
    /// Resources are asked back.
    InverseOffers(Vec<InverseOffer>),
    /// An offer is void.
    Rescind(OfferId),
    /// An inverse offer is void.
    RescindInverseOffer(OfferId),
    /// The state of a task. Once it is handled, [`acknowledge`](super::SchedulerHandle::acknowledge) it: until then
    /// the next update of the task is not sent, and this one comes again and again.
    Update(TaskStatus),
    /// The state of an operation.
    OperationUpdate(OperationStatus),
    /// From an executor.
    Message {
        /// On which agent.
        agent_id: AgentId,
        /// Which one.
        executor_id: ExecutorId,
        /// Not interpreted by Mesos.
        data: Bytes,
    },
    /// An executor has ended, or, if none is named, the agent is gone.
    Failure(Failure),
    /// The last event.
    Ended(End),
}

/// Why there will be no more events.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The master says so: the framework was removed, or another scheduler has taken it over.
    #[error("the master ended the framework: {0}")]
    Error(String),
    /// Trying again would not help.
    #[error(transparent)]
    Refused(LinkError),
    /// After [`teardown`](super::SchedulerHandle::teardown).
    #[error("the framework has been torn down")]
    TornDown,
    /// After [`stop`](super::SchedulerHandle::stop).
    #[error("the scheduler has been stopped")]
    Stopped,
}

/// What an event of the wire is to the driver.
pub(super) enum Heard {
    Subscribed {
        framework_id: FrameworkId,
        master: Option<MasterInfo>,
        heartbeat: Option<Duration>,
    },
    Event(Event),
    /// A heartbeat, or something that a newer master may say.
    Nothing,
}

pub(super) fn heard(event: Wire) -> Heard {
    let kind = event.r#type();
    let event = match kind {
        EventType::Subscribed => {
            return event.subscribed.map_or(Heard::Nothing, |subscribed| Heard::Subscribed {
                framework_id: subscribed.framework_id,
                master: subscribed.master_info,
                heartbeat: subscribed
                    .heartbeat_interval_seconds
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .filter(|interval| !interval.is_zero()),
            });
        }
        EventType::Offers => event.offers.map(|offers| Event::Offers(offers.offers)),
        EventType::InverseOffers => event.inverse_offers.map(|offers| Event::InverseOffers(offers.inverse_offers)),
        EventType::Rescind => event.rescind.map(|rescind| Event::Rescind(rescind.offer_id)),
        EventType::RescindInverseOffer => {
            event.rescind_inverse_offer.map(|rescind| Event::RescindInverseOffer(rescind.inverse_offer_id))
        }
        EventType::Update => event.update.map(|update| Event::Update(update.status)),
        EventType::UpdateOperationStatus => {
            event.update_operation_status.map(|update| Event::OperationUpdate(update.status))
        }
        EventType::Message => event.message.map(|message| Event::Message {
            agent_id: message.agent_id,
            executor_id: message.executor_id,
            data: message.data,
        }),
        EventType::Failure => event.failure.map(Event::Failure),
        EventType::Error => event.error.map(|error| Event::Ended(End::Error(error.message))),
        EventType::Heartbeat => return Heard::Nothing,
        EventType::Unknown => None,
    };
    match event {
        Some(event) => Heard::Event(event),
        None => {
            tracing::debug!("an event of type {kind:?} that says nothing this crate knows");
            Heard::Nothing
        }
    }
}
