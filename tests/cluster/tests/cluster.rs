//! The fixture on real clusters: what it breaks is broken, and it leaves nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use dpark_test_cluster::{Cluster, Error, Options, Signal, processes_of, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const SOON: Duration = Duration::from_secs(30);

type Outcome = Result<(), Error>;

/// A process that ends when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

const FRAMEWORK: &str = "
import sys
from mesosv1 import Scheduler
tests, masters = sys.argv[1:]
scheduler = Scheduler(masters.split(','), name='fixture')
scheduler.subscribe()
command = {'shell': True, 'value': f'exec {sys.executable} {tests}/executor.py'}
scheduler.launch(scheduler.offers()[0], 'task', 'executor', command, 'run')
scheduler.wait_task('task', 'TASK_RUNNING')
print('running', flush=True)
while scheduler.next(timeout=None):
    pass
";

/// Runs one task of the testbed's own executor.
fn framework(cluster: &Cluster) -> Process {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("mesos-testbed").join("tests");
    let masters = cluster.master_addresses().join(",");
    let mut child = Command::new("python3")
        .arg("-c")
        .arg(FRAMEWORK)
        .arg(&tests)
        .arg(masters)
        .env("PYTHONPATH", &tests)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    Process(child)
}

fn alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// The agent that has an executor, and its process.
fn where_it_runs(cluster: &Cluster) -> (usize, u32) {
    let mut found = vec![];
    for agent in 0..cluster.agents() {
        found.extend(cluster.executors(agent).unwrap().into_iter().map(|executor| (agent, executor)));
    }
    assert_eq!(found.len(), 1, "{found:?}");
    let (agent, executor) = found.remove(0);
    assert_eq!(executor.id, "executor");
    assert_eq!(executor.framework, cluster.frameworks().unwrap()[0]["id"].as_str().unwrap());
    assert!(executor.sandbox.starts_with(cluster.sandbox_dir(agent)));
    assert!(executor.sandbox.join("stderr").exists());
    (agent, executor.pid)
}

#[test]
fn an_agent_is_lost_and_comes_back() -> Outcome {
    let start = Instant::now();
    let cluster = Cluster::start(Options {
        agents: 2,
        resources: vec!["cpus:2;mem:512".to_owned(), "cpus:1;mem:256".to_owned()],
        attributes: vec!["rack:a".to_owned(), "rack:b".to_owned()],
        ..Options::default()
    })?;
    println!("up within {:?}", start.elapsed());
    assert!(cluster.masters().starts_with("mesos://127.0.0.1:"));
    assert_eq!(cluster.zk(), None);

    let state = cluster.state()?;
    assert_eq!(state["version"], "1.11.0");
    assert_eq!(state["activated_slaves"], 2.0);
    let agents = state["slaves"].as_array().unwrap();
    let (id, other) = (cluster.agent_id(1)?, cluster.agent_id(0)?);
    let agent = agents.iter().find(|agent| agent["id"] == id.as_str()).unwrap();
    assert_eq!((&agent["resources"]["cpus"], &agent["attributes"]["rack"]), (&json!(1.0), &json!("b")));
    assert_eq!(agent["attributes"]["node"], "node-1");

    cluster.kill_agent_node(1)?;
    cluster.wait_for_agents(1, SOON)?;
    wait_until("an unreachable agent", SOON, || Ok((cluster.state()?["unreachable_slaves"] == 1.0).then_some(())))?;
    cluster.start_agent(1, true)?;
    cluster.wait_for_agents(2, SOON)?;
    assert_ne!(cluster.agent_id(1)?, id, "a new machine");

    cluster.kill_agent(0, Signal::Kill)?;
    cluster.start_agent(0, false)?;
    cluster.wait_for_agents(2, SOON)?;
    assert_eq!(cluster.agent_id(0)?, other, "the same machine");

    assert_eq!(cluster.add_agent(Some("cpus:3;mem:128"), None)?, 2);
    cluster.wait_for_agents(3, SOON)?;

    cluster.stop_agent(0)?;
    wait_until("an unreachable agent", SOON, || {
        let agents = cluster.operator(&json!({"type": "GET_AGENTS"}))?;
        Ok((agents["get_agents"]["agents"].as_array().map(Vec::len) == Some(2)).then_some(()))
    })?;
    cluster.cont_agent(0)?;
    cluster.wait_for_agents(3, SOON)?;

    let directory = cluster.directory().to_owned();
    assert!(cluster.processes_left().len() >= 5);
    let start = Instant::now();
    drop(cluster);
    println!("down within {:?}", start.elapsed());
    assert_eq!(processes_of(&directory), Vec::<u32>::new());
    assert!(!directory.exists());
    Ok(())
}

#[test]
fn executors_outlive_their_agent_but_not_their_cluster() -> Outcome {
    let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
    let _running = framework(&cluster);
    let (agent, pid) = where_it_runs(&cluster);
    cluster.kill_agent(agent, Signal::Kill)?;
    assert_eq!(where_it_runs(&cluster), (agent, pid));
    cluster.start_agent(agent, false)?;
    assert_eq!(where_it_runs(&cluster), (agent, pid));
    cluster.kill_agent_node(agent)?;
    assert!(!alive(pid));
    cluster.close()
}

#[test]
fn maintenance_is_announced_begins_and_ends() -> Outcome {
    let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
    let running = framework(&cluster);
    let (agent, pid) = where_it_runs(&cluster);
    assert!(alive(pid));

    cluster.drain(agent, Duration::from_secs(1))?;
    let id = cluster.agent_id(agent)?;
    wait_until("a drained agent", SOON, || {
        let agents = cluster.get("/master/slaves")?;
        let agent = agents["slaves"].as_array().into_iter().flatten().find(|agent| agent["id"] == id.as_str()).cloned();
        Ok((agent.unwrap()["drain_info"]["state"] == "DRAINED").then_some(()))
    })?;
    wait_until("the task's end", SOON, || {
        Ok((cluster.get("/master/state")?["frameworks"][0]["tasks"] == json!([])).then_some(()))
    })?;
    cluster.reactivate(agent)?;
    drop(running);

    cluster.schedule_maintenance(&[1], SystemTime::now(), Duration::from_secs(600))?;
    assert_eq!(windows(&cluster)?, 1);
    cluster.start_maintenance(&[1])?;
    cluster.wait_for_agents(1, SOON)?;
    cluster.stop_maintenance(&[1])?;
    assert_eq!(windows(&cluster)?, 0);
    cluster.kill_agent(1, Signal::Kill)?;
    cluster.start_agent(1, true)?;
    cluster.wait_for_agents(2, SOON)?;
    cluster.close()
}

fn windows(cluster: &Cluster) -> Result<usize, Error> {
    let schedule = cluster.operator(&json!({"type": "GET_MAINTENANCE_SCHEDULE"}))?;
    Ok(schedule["get_maintenance_schedule"]["schedule"]["windows"].as_array().map_or(0, Vec::len))
}

#[test]
fn another_master_leads_when_the_leader_is_lost() -> Outcome {
    let start = Instant::now();
    let cluster = Cluster::start(Options { agents: 1, masters: 3, ..Options::default() })?;
    println!("up within {:?}", start.elapsed());
    assert!(cluster.zk().unwrap().starts_with("zk://127.0.0.1:"));
    assert_eq!(cluster.master_addresses().len(), 3);
    let first = wait_until("a leader", SOON, || cluster.leader().map(Some))?;
    cluster.kill_master(first)?;
    let second = wait_until("another leader", SOON, || cluster.leader().map(Some))?;
    assert_ne!(first, second);
    cluster.wait_for_agents(1, SOON)?;
    cluster.start_master(first)?;
    cluster.close()
}

#[test]
fn clusters_run_side_by_side() -> Outcome {
    let start = || std::thread::spawn(|| Cluster::start(Options::default()));
    let began = Instant::now();
    let (one, two) = (start(), start());
    let (one, two) = (one.join().unwrap()?, two.join().unwrap()?);
    println!("both up within {:?}", began.elapsed());
    assert_ne!(one.masters(), two.masters());
    assert_ne!(one.agent_address(0)?, two.agent_address(0)?);
    one.close()?;
    two.wait_for_agents(3, SOON)?;
    two.close()
}

#[test]
fn a_cluster_that_cannot_come_up_says_why() {
    let error = Cluster::start(Options { agent_flags: vec!["no_such_flag=1".to_owned()], ..Options::default() });
    let error = error.err().unwrap().to_string();
    assert!(error.contains("agent-") && error.contains("no_such_flag"), "{error}");
}

#[test]
fn a_panic_keeps_the_directory() {
    let start = || Cluster::start(Options { agents: 1, ..Options::default() });
    let directory = std::panic::catch_unwind(|| {
        let cluster = start().unwrap();
        std::panic::panic_any(cluster.directory().to_owned());
    });
    let directory = *directory.unwrap_err().downcast::<PathBuf>().unwrap();
    assert_eq!(processes_of(&directory), Vec::<u32>::new());
    assert!(directory.join("agent-0.log").exists());
    std::fs::remove_dir_all(directory).unwrap();
}

/// Not a test: what the next one kills.
#[test]
#[ignore = "run by the test below"]
fn waits_to_be_killed() {
    let cluster = Cluster::start(Options { agents: 1, ..Options::default() }).unwrap();
    let _running = framework(&cluster);
    println!("\ndirectory={}", cluster.directory().display());
    std::io::stdin().read_to_end(&mut vec![]).unwrap();
}

#[test]
fn a_killed_test_leaves_nothing() -> Outcome {
    for holder_too in [false, true] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "waits_to_be_killed", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut test = Process(child);
        let mut lines = BufReader::new(test.0.stdout.take().unwrap()).lines();
        let directory =
            lines.by_ref().map(Result::unwrap).find_map(|line| Some(PathBuf::from(line.strip_prefix("directory=")?)));
        let directory = directory.unwrap();
        let of_cluster = processes_of(&directory);
        assert!(of_cluster.len() >= 5, "{of_cluster:?}");
        if holder_too {
            // The kernel ends the nodes then; executors stay until their recovery times out.
            let commands = of_cluster.iter().map(|pid| (*pid, std::fs::read_to_string(format!("/proc/{pid}/cmdline"))));
            let holders: Vec<u32> = commands
                .filter(|(_, line)| line.as_ref().is_ok_and(|line| line.contains("\0serve\0")))
                .map(|(pid, _)| pid)
                .collect();
            assert_eq!(holders.len(), 1);
            assert!(Command::new("kill").args(["-9", &holders[0].to_string()]).status().unwrap().success());
            wait_until("the end of the nodes", SOON, || {
                let left = processes_of(&directory);
                let nodes = left.iter().filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
                let nodes: Vec<String> = nodes.filter(|line| line.contains("--work_dir=")).collect();
                Ok(nodes.is_empty().then_some(()))
            })?;
            // A test that lives on cleans up by itself.
            drop(test.0.stdin.take());
            assert!(test.0.wait().unwrap().success());
        } else {
            drop(test);
        }
        wait_until("the end of all processes", SOON, || Ok(processes_of(&directory).is_empty().then_some(())))?;
        wait_until("the end of the directory", SOON, || Ok((!directory.exists()).then_some(())))?;
    }
    Ok(())
}

#[test]
fn the_masters_answers_are_json() -> Outcome {
    let cluster = Cluster::start(Options { agents: 1, zookeeper: true, ..Options::default() })?;
    assert!(cluster.zk().is_some());
    wait_until("a leader", SOON, || cluster.leader().map(Some))?;
    assert_eq!(cluster.frameworks()?, Vec::<Value>::new());
    assert!(matches!(cluster.get("/nowhere"), Err(Error::Http { .. })));
    assert!(matches!(cluster.kill_agent(7, Signal::Kill), Err(Error::Testbed(_))));
    assert!(cluster.log("master-0")?.contains("Elected as the leading master"));
    cluster.close()
}
