//! The calls.
//!
//! Each waits until the master has accepted or refused it. Accepted means understood and passed on, not done: what
//! becomes of it is told by events. A call made while there is no subscription fails at once.

use super::session::{Session, Shared, Stop};
use crate::error::CallError;
use crate::http::Lane;
use crate::proto::scheduler::{
    Accept, AcceptInverseOffers, Acknowledge, AcknowledgeOperationStatus, Call, CallMessage, CallType, Decline,
    DeclineInverseOffers, Kill, Reconcile, ReconcileTask, Revive, Shutdown, Suppress, UpdateFramework,
};
use crate::proto::{
    AgentId, ExecutorId, Filters, FrameworkId, FrameworkInfo, KillPolicy, Launch, OfferId, Operation, OperationStatus,
    OperationType, TaskId, TaskInfo, TaskStatus,
};
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Makes calls. Clones share one subscription.
#[derive(Clone)]
pub struct SchedulerHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SchedulerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulerHandle").field("framework_id", &self.framework_id()).finish_non_exhaustive()
    }
}

impl SchedulerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Once there has been a subscription, or if it was given from the start.
    pub fn framework_id(&self) -> Option<FrameworkId> {
        self.shared.standing.lock().framework.id.clone()
    }

    /// Whether calls can be made now.
    pub fn is_connected(&self) -> bool {
        self.shared.session().is_some()
    }

    /// Uses offers, which must all be of one agent. What the operations leave is as if declined with these filters.
    pub async fn accept(
        &self,
        offers: Vec<OfferId>,
        operations: Vec<Operation>,
        filters: Option<Filters>,
    ) -> Result<(), CallError> {
        let accept = Accept { offer_ids: offers, operations, filters };
        self.send(Call { accept: Some(accept), ..new(CallType::Accept) }).await
    }

    /// Launches tasks on offers, which must all be of one agent.
    pub async fn launch(
        &self,
        offers: Vec<OfferId>,
        tasks: Vec<TaskInfo>,
        filters: Option<Filters>,
    ) -> Result<(), CallError> {
        let launch = Operation {
            r#type: Some(OperationType::Launch.into()),
            launch: Some(Launch { task_infos: tasks }),
            ..Operation::default()
        };
        self.accept(offers, vec![launch], filters).await
    }

    /// Gives offers back. Without filters, the like is not offered again for five seconds.
    pub async fn decline(&self, offers: Vec<OfferId>, filters: Option<Filters>) -> Result<(), CallError> {
        let decline = Decline { offer_ids: offers, filters };
        self.send(Call { decline: Some(decline), ..new(CallType::Decline) }).await
    }

    /// Promises to give back what an inverse offer names, in time.
    pub async fn accept_inverse(&self, offers: Vec<OfferId>, filters: Option<Filters>) -> Result<(), CallError> {
        let accept = AcceptInverseOffers { inverse_offer_ids: offers, filters };
        self.send(Call { accept_inverse_offers: Some(accept), ..new(CallType::AcceptInverseOffers) }).await
    }

    /// Promises nothing about what an inverse offer names.
    pub async fn decline_inverse(&self, offers: Vec<OfferId>, filters: Option<Filters>) -> Result<(), CallError> {
        let decline = DeclineInverseOffers { inverse_offer_ids: offers, filters };
        self.send(Call { decline_inverse_offers: Some(decline), ..new(CallType::DeclineInverseOffers) }).await
    }

    /// Forgets all filters and wants offers again, for some roles or, if none is named, for all.
    pub async fn revive(&self, roles: &[String]) -> Result<(), CallError> {
        self.send(Call { revive: Some(Revive { roles: roles.to_vec() }), ..new(CallType::Revive) }).await?;
        self.remember_suppressed(roles, false);
        Ok(())
    }

    /// Wants no more offers, for some roles or, if none is named, for all; also after the next subscription.
    pub async fn suppress(&self, roles: &[String]) -> Result<(), CallError> {
        self.send(Call { suppress: Some(Suppress { roles: roles.to_vec() }), ..new(CallType::Suppress) }).await?;
        self.remember_suppressed(roles, true);
        Ok(())
    }

    fn remember_suppressed(&self, roles: &[String], suppressed: bool) {
        let mut standing = self.shared.standing.lock();
        let roles = if roles.is_empty() { standing.framework.roles.clone() } else { roles.to_vec() };
        for role in roles {
            if suppressed {
                standing.suppressed.insert(role);
            } else {
                standing.suppressed.remove(&role);
            }
        }
    }

    /// Ends a task. Without an agent, the master looks for it. An unknown task is answered with an update that says
    /// so; but if its agent is just coming back, the call gets lost, so repeat it until there is a terminal update.
    pub async fn kill(
        &self,
        task_id: TaskId,
        agent_id: Option<AgentId>,
        kill_policy: Option<KillPolicy>,
    ) -> Result<(), CallError> {
        let kill = Kill { task_id, agent_id, kill_policy };
        self.send(Call { kill: Some(kill), ..new(CallType::Kill) }).await
    }

    /// Ends an executor and its tasks.
    pub async fn shutdown(&self, executor_id: ExecutorId, agent_id: AgentId) -> Result<(), CallError> {
        let shutdown = Shutdown { executor_id, agent_id };
        self.send(Call { shutdown: Some(shutdown), ..new(CallType::Shutdown) }).await
    }

    /// Says that an update has been handled. Those that nobody waits for an acknowledgement of (they have no uuid) are
    /// passed over: the answer is whether there was anything to send.
    pub async fn acknowledge(&self, status: &TaskStatus) -> Result<bool, CallError> {
        let (Some(agent_id), Some(uuid)) = (&status.agent_id, status.uuid.as_ref().filter(|uuid| !uuid.is_empty()))
        else {
            return Ok(false);
        };
        let acknowledge =
            Acknowledge { agent_id: agent_id.clone(), task_id: status.task_id.clone(), uuid: uuid.clone() };
        self.send(Call { acknowledge: Some(acknowledge), ..new(CallType::Acknowledge) }).await?;
        Ok(true)
    }

    /// The same for the status of an operation.
    pub async fn acknowledge_operation(&self, status: &OperationStatus) -> Result<bool, CallError> {
        let (Some(operation_id), Some(uuid)) = (&status.operation_id, &status.uuid) else { return Ok(false) };
        let acknowledge = AcknowledgeOperationStatus {
            agent_id: status.agent_id.clone(),
            resource_provider_id: status.resource_provider_id.clone(),
            uuid: uuid.value.clone(),
            operation_id: operation_id.clone(),
        };
        let call = new(CallType::AcknowledgeOperationStatus);
        self.send(Call { acknowledge_operation_status: Some(acknowledge), ..call }).await?;
        Ok(true)
    }

    /// Asks what has become of tasks; without any, of all that the master knows of. Answers are updates without uuid.
    pub async fn reconcile(&self, tasks: Vec<(TaskId, Option<AgentId>)>) -> Result<(), CallError> {
        let tasks = tasks.into_iter().map(|(task_id, agent_id)| ReconcileTask { task_id, agent_id }).collect();
        self.send(Call { reconcile: Some(Reconcile { tasks }), ..new(CallType::Reconcile) }).await
    }

    /// Sends something to an executor. It may get lost.
    pub async fn message(&self, agent_id: AgentId, executor_id: ExecutorId, data: Bytes) -> Result<(), CallError> {
        let message = CallMessage { agent_id, executor_id, data };
        self.send(Call { message: Some(message), ..new(CallType::Message) }).await
    }

    /// Changes what the master knows of the framework, now and in every later subscription. Id, user, principal and
    /// checkpointing cannot be changed; the id is filled in.
    pub async fn update_framework(
        &self,
        framework: FrameworkInfo,
        suppressed_roles: Vec<String>,
    ) -> Result<(), CallError> {
        let framework_info = FrameworkInfo { id: self.framework_id(), ..framework };
        let update =
            UpdateFramework { framework_info: framework_info.clone(), suppressed_roles: suppressed_roles.clone() };
        self.send(Call { update_framework: Some(update), ..new(CallType::UpdateFramework) }).await?;
        let mut standing = self.shared.standing.lock();
        standing.framework = framework_info;
        standing.suppressed = suppressed_roles.into_iter().collect();
        Ok(())
    }

    /// Ends the framework, all its executors and tasks. The last event is `Ended(TornDown)`.
    pub async fn teardown(&self) -> Result<(), CallError> {
        self.shared.tearing_down.store(true, Ordering::SeqCst);
        let result = self.send(new(CallType::Teardown)).await;
        match result {
            Ok(()) => {
                self.shared.stop.send_replace(Some(Stop::TearDown));
            }
            Err(_) => self.shared.tearing_down.store(false, Ordering::SeqCst),
        }
        result
    }

    /// Leaves without a word: the tasks live on for the framework's failover timeout. The last event is
    /// `Ended(Stopped)`.
    pub fn stop(&self) {
        self.shared.stop.send_replace(Some(Stop::Leave));
    }

    /// Any call, with the framework's id filled in. Gives the body of the answer, which only few calls have.
    pub async fn call(&self, call: Call) -> Result<Bytes, CallError> {
        let kind = call.r#type();
        let name = name(kind);
        let session = self.shared.session().ok_or(CallError::Disconnected { call: name })?;
        let call = Call { framework_id: Some(session.framework_id.clone()), ..call };
        tracing::trace!("call {}", crate::proto::json(&call));
        let reply = lane(&session, kind).call(call.encode_to_vec().into()).await;
        let reply = reply.map_err(|why| CallError::Broken { call: name, why })?;
        match reply.status {
            200 | 202 => Ok(reply.body),
            status => Err(CallError::Rejected { call: name, status, text: reply.text() }),
        }
    }

    async fn send(&self, call: Call) -> Result<(), CallError> {
        self.call(call).await.map(drop)
    }
}

fn lane(session: &Session, kind: CallType) -> &Lane {
    match kind {
        CallType::Acknowledge | CallType::AcknowledgeOperationStatus => &session.acknowledgements,
        _ => &session.calls,
    }
}

fn new(kind: CallType) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

fn name(kind: CallType) -> &'static str {
    match kind {
        CallType::Unknown => "UNKNOWN",
        CallType::Subscribe => "SUBSCRIBE",
        CallType::Teardown => "TEARDOWN",
        CallType::Accept => "ACCEPT",
        CallType::Decline => "DECLINE",
        CallType::AcceptInverseOffers => "ACCEPT_INVERSE_OFFERS",
        CallType::DeclineInverseOffers => "DECLINE_INVERSE_OFFERS",
        CallType::Revive => "REVIVE",
        CallType::Kill => "KILL",
        CallType::Shutdown => "SHUTDOWN",
        CallType::Acknowledge => "ACKNOWLEDGE",
        CallType::AcknowledgeOperationStatus => "ACKNOWLEDGE_OPERATION_STATUS",
        CallType::Reconcile => "RECONCILE",
        CallType::ReconcileOperations => "RECONCILE_OPERATIONS",
        CallType::Message => "MESSAGE",
        CallType::Request => "REQUEST",
        CallType::Suppress => "SUPPRESS",
        CallType::UpdateFramework => "UPDATE_FRAMEWORK",
    }
}
