//! One agent's offers at one moment, and the tasks made of them. Pure.

use dpark_lineage::Resources as Needs;
use mesos_rs::proto::{AgentId, ExecutorInfo, Offer, OfferId, Resource, TaskId as MesosTaskId, TaskInfo};
use mesos_rs::resources::{Prefer, Request, Resources, Units};
use std::time::Duration;

/// What an agent offers, in one offer or several.
#[derive(Debug)]
pub(super) struct Stock {
    pub(super) agent: AgentId,
    pub(super) offers: Vec<OfferId>,
    left: Resources,
}

impl Stock {
    /// The offers, by agent.
    pub(super) fn by_agent(offers: Vec<Offer>) -> Vec<(Offer, Self)> {
        let mut stocks: Vec<(Offer, Self)> = vec![];
        for offer in offers {
            let resources = Resources::try_from(offer.resources.as_slice()).unwrap_or_default();
            match stocks.iter_mut().find(|(_, stock)| stock.agent == offer.agent_id) {
                Some((_, stock)) => {
                    stock.left = stock.left.plus(&resources);
                    stock.offers.push(offer.id);
                }
                None => {
                    let (agent, offers) = (offer.agent_id.clone(), vec![offer.id.clone()]);
                    stocks.push((offer, Self { agent, offers, left: resources }));
                }
            }
        }
        stocks
    }

    /// Cores and memory for tasks, after an executor was paid for if one must be started.
    pub(super) fn room(&self, executor: Option<Needs>) -> Option<Needs> {
        let mut left = self.left.clone();
        if let Some(executor) = executor {
            left.take(&request(executor), Prefer::Reserved).ok()?;
        }
        let cpus = (left.scalar("cpus").to_f64() * 1000.0) as u32;
        Some(Needs { cpus, memory: left.scalar("mem").to_f64() as u64 })
    }

    /// Takes out what an executor needs for itself.
    pub(super) fn take(&mut self, needs: Needs) -> Result<Vec<Resource>, String> {
        let taken = self.left.take(&request(needs), Prefer::Reserved);
        taken.map(|taken| taken.to_proto()).map_err(|shortage| shortage.to_string())
    }

    /// A task that takes its part.
    pub(super) fn task(
        &mut self,
        name: String,
        id: MesosTaskId,
        needs: Needs,
        executor: &ExecutorInfo,
    ) -> Result<TaskInfo, String> {
        let resources = self.take(needs)?;
        let (agent_id, executor) = (self.agent.clone(), Some(executor.clone()));
        Ok(TaskInfo { name, task_id: id, agent_id, resources, executor, ..TaskInfo::default() })
    }
}

fn request(needs: Needs) -> Request {
    let units = |value: f64| Units::from_f64(value).unwrap_or(Units::ZERO);
    let request = Request::new().scalar("cpus", units(f64::from(needs.cpus) / 1000.0));
    request.scalar("mem", units(needs.memory as f64))
}

/// Whether the machine is to be taken away before a task that starts now can be expected to have ended.
pub(super) fn leaves_soon(offer: &Offer, now: Duration) -> bool {
    /// Tasks are short; what they leave behind is needed a little longer.
    const SOON: Duration = Duration::from_secs(120);
    let Some(unavailability) = &offer.unavailability else { return false };
    let start = Duration::from_nanos(u64::try_from(unavailability.start.nanoseconds).unwrap_or(0));
    let length = unavailability.duration.clone().map(Duration::from);
    let over = length.is_some_and(|length| start + length < now);
    !over && start < now + SOON
}
