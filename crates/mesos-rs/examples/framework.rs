//! A whole framework: five tasks, launched as offers allow, in one executor per agent, until all have ended.
//!
//! ```text
//! cargo build -p mesos-rs --examples
//! target/debug/examples/framework 127.0.0.1:5050 $PWD/target/debug/examples/executor
//! ```
#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use mesos_rs::proto::{AgentId, CommandInfo, ExecutorInfo, FrameworkInfo, TaskInfo};
use mesos_rs::resources::{Prefer, Request, Resources};
use mesos_rs::scheduler::{self, Config, Event};
use std::collections::BTreeMap;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, masters, program] = arguments.as_slice() else { return Err("usage: framework MASTERS EXECUTOR".into()) };
    let info = FrameworkInfo { failover_timeout: Some(60.0), ..FrameworkInfo::new("root", "example") };
    let (master, mut events) = scheduler::start(Config::new(masters.parse()?, info))?;
    let share: Request = "cpus=0.1,mem=32".parse()?;
    let mut executors: BTreeMap<AgentId, ExecutorInfo> = BTreeMap::new();
    let mut waiting: Vec<String> = (0..5).map(|number| format!("task-{number}")).collect();
    let mut ended = 0;
    while let Some(event) = events.recv().await {
        match event {
            Event::Offers(offers) => {
                for offer in offers {
                    let mut left = Resources::try_from(offer.resources.as_slice())?;
                    if !executors.contains_key(&offer.agent_id) {
                        let Ok(own) = left.take(&share, Prefer::Reserved) else { continue };
                        let command = CommandInfo::program(program, &["executor"]);
                        let executor = ExecutorInfo::custom("example".into(), command, own.to_proto());
                        executors.insert(offer.agent_id.clone(), executor);
                    }
                    let mut tasks = Vec::new();
                    while let (false, Ok(taken)) = (waiting.is_empty(), left.take(&share, Prefer::Reserved)) {
                        let name = waiting.pop().unwrap_or_default();
                        tasks.push(TaskInfo {
                            task_id: name.clone().into(),
                            name,
                            agent_id: offer.agent_id.clone(),
                            resources: taken.to_proto(),
                            executor: executors.get(&offer.agent_id).cloned(),
                            data: Some("finish 200".into()),
                            ..TaskInfo::default()
                        });
                    }
                    master.launch(vec![offer.id], tasks, None).await?;
                }
            }
            Event::Update(status) => {
                println!("{} is {:?}", status.task_id, status.state());
                master.acknowledge(&status).await?;
                ended += usize::from(status.state().is_terminal());
                if ended == 5 {
                    master.teardown().await?;
                }
            }
            Event::Connected { framework_id, .. } => println!("framework {framework_id}"),
            Event::Ended(end) => println!("{end}"),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
