#!/usr/bin/env python3
"""What a framework meets on a real master and agents, checked one by one.

Run by tests/run inside `mesos-testbed run`, with two agents and quick pings.
"""
import functools
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time

from mesosv1 import Scheduler, Subscription, get, post

TESTS = os.path.dirname(os.path.realpath(__file__))
TESTBED = os.path.join(os.path.dirname(TESTS), "mesos-testbed")
MASTERS = os.environ["MESOS_MASTERS"].split(",")
MASTER = MASTERS[0]
EXECUTOR = {"shell": True, "value": f"exec {sys.executable} {TESTS}/executor.py"}

checks = []  # With one master.
ha_checks = []  # With three.


def check(function):
    checks.append(function)
    return function


def ha_check(function):
    ha_checks.append(function)
    return function


def testbed(*words):
    return subprocess.run([TESTBED, *words], check=True, capture_output=True, text=True).stdout


def nodes():
    return json.loads(testbed("status"))


def agent_number(offer_or_status):
    """Which of the testbed's agents an agent ID is, by its address."""
    for agent in get(MASTER, "/master/slaves")["slaves"]:
        if agent["id"] == offer_or_status["agent_id"]["value"]:
            return int(agent["hostname"].split(".")[3]) - 1
    raise LookupError(offer_or_status)


def started(scheduler, task, executor, data, command=EXECUTOR, **more):
    offer = scheduler.offers()[0]
    scheduler.launch(offer, task, executor, command, data, **more)
    return offer, scheduler.wait_task(task, "TASK_RUNNING")


def executor_process(status):
    """The executor under its container's first process."""
    first = status["container_status"]["executor_pid"]
    with open(f"/proc/{first}/task/{first}/children") as file:
        return int(file.read().split()[0])


def since(start):
    return f"{time.time() - start:.2f} s"


def with_scheduler(**info):
    """Gives a check a subscribed scheduler, and tears its framework down."""
    def wrap(function):
        @functools.wraps(function)
        def run():
            scheduler = Scheduler(MASTERS, name=function.__name__, **info)
            scheduler.subscribe()
            try:
                return function(scheduler)
            finally:
                try:
                    scheduler.call("TEARDOWN")
                except OSError:
                    pass  # The check left no master; its own error says more.
                scheduler.stream.close()
        return run
    return wrap


@check
def endpoints():
    version = get(MASTER, "/version")
    assert version["version"] == "1.11.0", version
    for path in ("/master/health", "/health"):
        assert post(MASTER, path, {})[0] in (200, 405)
    state = get(MASTER, "/master/state")
    assert state["leader"] == f"master@{MASTER}"
    agents = get(MASTER, "/master/slaves")["slaves"]
    assert len(agents) == 2
    for agent in agents:
        assert agent["resources"]["cpus"] == 4 and agent["resources"]["mem"] == 2048
        assert agent["resources"]["disk"] == 4096
        assert agent["resources"]["ports"] == "[31000-31999]"
        address = agent["pid"].split("@")[1]
        assert get(address, "/state")["id"] == agent["id"]
    code, _, text = post(MASTER, "/api/v1", {"type": "GET_HEALTH"})
    assert code == 200 and json.loads(text)["get_health"]["healthy"], text
    return version["git_sha"][:9], [agent["pid"] for agent in agents]


@check
def protobuf_subscribe():
    import http.client

    def field(number, value):
        if isinstance(value, int):
            return bytes([number << 3, value])
        return bytes([number << 3 | 2, len(value)]) + value
    info = field(1, b"root") + field(2, b"binary")
    call = field(2, 1) + field(3, field(1, info))
    connection = http.client.HTTPConnection(MASTER, timeout=10)
    connection.request("POST", Scheduler.PATH, call, {
        "Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    first = response.read(int(response.readline()))
    assert first[:2] == b"\x08\x01", first  # Event.type = SUBSCRIBED
    connection.close()
    return response.headers["Content-Type"], len(first)


@check
@with_scheduler()
def task_runs_to_its_end(scheduler):
    start = time.time()
    offers = scheduler.offers()
    offered = since(start)
    start = time.time()
    scheduler.launch(offers[0], "t", "e", EXECUTOR, "finish 0.2")
    scheduler.wait_task("t", "TASK_RUNNING")
    running = since(start)
    status = scheduler.wait_task("t", "TASK_FINISHED")
    assert status["source"] == "SOURCE_EXECUTOR"
    # All acknowledged, so the agent forgets the task and the master lists it
    # among the completed ones.
    time.sleep(0.3)
    framework = next(f for f in get(MASTER, "/master/frameworks")["frameworks"]
                     if f["id"] == scheduler.framework_id["value"])
    assert [t["id"] for t in framework["completed_tasks"]] == ["t"]
    return f"{len(offers)} offers in {offered}, running in {running}"


@check
@with_scheduler()
def executor_is_shared_by_tasks(scheduler):
    offer, one = started(scheduler, "one", "e", "run")
    while True:
        offers = [o for o in scheduler.offers() if o["agent_id"] == offer["agent_id"]]
        if offers:
            break
    scheduler.launch(offers[0], "two", "e", EXECUTOR, "run")
    two = scheduler.wait_task("two", "TASK_RUNNING")
    same = one["container_status"]["executor_pid"] == two["container_status"]["executor_pid"]
    assert same and {"value": "e"} in offers[0]["executor_ids"]
    for task in ("one", "two"):
        code, _, text = scheduler.call("KILL", {"task_id": {"value": task},
                                                "agent_id": offer["agent_id"]})
        assert code == 202, text
        scheduler.wait_task(task, "TASK_KILLED")
    return "offers name the live executor"


@check
@with_scheduler()
def kill_of_unknown_task(scheduler):
    scheduler.call("KILL", {"task_id": {"value": "nobody"}})
    status = scheduler.wait_task("nobody", "TASK_UNKNOWN")
    assert "uuid" not in status
    return status["reason"], status["source"]


@check
@with_scheduler()
def executor_exit(scheduler):
    found = {}
    for task, data in (("exits", "die 7"), ("killed", "run")):
        _, status = started(scheduler, task, task, data)
        if task == "killed":
            os.kill(executor_process(status), 9)
        while not {"FAILURE", "UPDATE"} <= found.setdefault(task, {}).keys():
            event = scheduler.next()
            if event["type"] == "FAILURE":
                assert event["failure"]["executor_id"]["value"] == task
                found[task]["FAILURE"] = event["failure"]["status"]
            elif event["type"] == "UPDATE":
                status = event["update"]["status"]
                found[task]["UPDATE"] = (status["state"], status["reason"], status["source"])
            elif event["type"] == "OFFERS":
                scheduler.decline(event["offers"]["offers"], 0.1)
    assert found["exits"]["FAILURE"] == 7 << 8 and found["killed"]["FAILURE"] == 9, found
    return found


@check
@with_scheduler()
def executor_that_cannot_start(scheduler):
    scheduler.launch(scheduler.offers()[0], "t", "e", {"shell": False, "value": "/no/such"})
    status = scheduler.wait_task("t", "TASK_FAILED")
    return status["reason"], status["message"]


@check
@with_scheduler()
def refused_calls(scheduler):
    body = {"type": "REVIVE", "framework_id": scheduler.framework_id}
    found = {"no stream id": post(MASTER, Scheduler.PATH, body),
             "wrong stream id": scheduler.call("REVIVE", stream_id="x" * 8),
             "unknown framework": post(MASTER, Scheduler.PATH,
                                       {**body, "framework_id": {"value": "nobody"}},
                                       {"Mesos-Stream-Id": scheduler.stream_id}),
             "not JSON": post(MASTER, Scheduler.PATH, "{", {"Mesos-Stream-Id": "x"})}
    assert all(400 <= code < 500 for code, _, _ in found.values()), found
    return {name: f"{code} {text[:60]}" for name, (code, _, text) in found.items()}


@check
@with_scheduler()
def refused_launches(scheduler):
    found = {}
    offer = scheduler.offers()[0]
    scheduler.launch(offer, "greedy", "e", EXECUTOR, mem=1e6)
    status = scheduler.wait("UPDATE")["update"]["status"]
    found["too much"] = (status["state"], status["reason"], "uuid" in status)
    scheduler.launch(offer, "late", "e", EXECUTOR)  # The offer is gone by now.
    status = scheduler.wait("UPDATE")["update"]["status"]
    found["stale offer"] = (status["state"], status["reason"], "uuid" in status)
    assert found["too much"][0] == "TASK_ERROR" and found["stale offer"][0] == "TASK_DROPPED"
    return found


@check
@with_scheduler()
def decline_and_revive(scheduler):
    def gather():
        offers = scheduler.offers()
        while True:  # The two agents may be offered separately.
            try:
                event = scheduler.next(timeout=0.3)
            except queue.Empty:
                return offers
            if event["type"] == "OFFERS":
                offers += event["offers"]["offers"]

    found = {}
    for seconds in (0, 0.5, 3):
        scheduler.decline(gather(), seconds)
        start = time.time()
        offers = scheduler.offers()
        found[f"declined for {seconds} s"] = "again after " + since(start)
        scheduler.decline(offers, 0)
    scheduler.decline(gather(), 3600)
    start = time.time()
    scheduler.call("REVIVE")
    scheduler.offers()
    found["revived"] = "after " + since(start)
    return found


@check
@with_scheduler()
def suppress(scheduler):
    scheduler.call("SUPPRESS")
    scheduler.decline(scheduler.offers(), 0.1)
    quiet_until = time.time() + 3
    late = 0
    while time.time() < quiet_until:
        try:
            event = scheduler.next(timeout=max(0.01, quiet_until - time.time()))
        except queue.Empty:
            break
        if event["type"] == "OFFERS":
            late += 1
            scheduler.decline(event["offers"]["offers"], 0.1)
    start = time.time()
    scheduler.call("REVIVE")
    scheduler.offers()
    return f"{late} late offers while suppressed; offers {since(start)} after REVIVE"


@check
@with_scheduler()
def unacknowledged_update_comes_again(scheduler):
    scheduler.launch(scheduler.offers()[0], "t", "e", EXECUTOR, "finish 0")
    seen = []
    start = time.time()
    while len(seen) < 2:
        event = scheduler.stream.events.get(timeout=20)  # Past the acknowledging next().
        if event["type"] == "UPDATE":
            seen.append((event["update"]["status"], since(start)))
    assert seen[0][0]["uuid"] == seen[1][0]["uuid"]
    assert {status["state"] for status, _ in seen} == {"TASK_RUNNING"}
    return f"TASK_RUNNING after {seen[0][1]} and {seen[1][1]}; TASK_FINISHED waits behind it"


@check
@with_scheduler()
def messages_and_shutdown(scheduler):
    offer, _ = started(scheduler, "t", "e", "run")
    code, _, _ = scheduler.call("MESSAGE", {"agent_id": offer["agent_id"],
                                            "executor_id": {"value": "e"}, "data": "aGk="})
    assert code == 202
    event = scheduler.wait("MESSAGE")  # The executor echoes it.
    assert event["message"]["data"] == "aGk=", event
    scheduler.call("SHUTDOWN", {"agent_id": offer["agent_id"], "executor_id": {"value": "e"}})
    found = {}
    while len(found) < 2:
        event = scheduler.next()
        if event["type"] == "FAILURE":
            found["FAILURE"] = event["failure"]["status"]
        elif event["type"] == "UPDATE":
            status = event["update"]["status"]
            found["UPDATE"] = (status["state"], status.get("reason"))
    return found


@check
def fetcher():
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=TESTS)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    scheduler = Scheduler(MASTERS, name="fetcher")
    scheduler.subscribe()
    command = {"shell": True, "value": "exec ./executor.py", "uris": [
        {"value": f"{TESTS}/mesosv1.py"},
        {"value": f"http://127.0.0.1:{port}/executor.py", "executable": True, "cache": True}]}
    started(scheduler, "t", "e", "finish 0", command)
    scheduler.wait_task("t", "TASK_FINISHED")
    command["uris"].append({"value": "/no/such/file"})
    scheduler.launch(scheduler.offers()[0], "u", "f", command, "finish 0")
    status = scheduler.wait_task("u", "TASK_FAILED")
    scheduler.call("TEARDOWN")
    server.shutdown()
    return "by path and by HTTP; missing file:", status["reason"]


@check
@with_scheduler(roles=["storage"], principal="smoke")
def reservation_and_volume(scheduler):
    offer = scheduler.offers()[0]
    reserved = {"name": "disk", "type": "SCALAR", "scalar": {"value": 64},
                "allocation_info": {"role": "storage"},
                "reservations": [{"type": "DYNAMIC", "role": "storage", "principal": "smoke"}]}
    volume = {**reserved, "disk": {
        "persistence": {"id": "v", "principal": "smoke"},
        "volume": {"container_path": "data", "mode": "RW"}}}
    code, _, text = scheduler.call("ACCEPT", {
        "offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}, "operations": [
            {"type": "RESERVE", "reserve": {"resources": [reserved]}},
            {"type": "CREATE", "create": {"volumes": [volume]}}]})
    assert code == 202, text
    found = None
    while found is None:
        for again in scheduler.offers():
            for resource in again["resources"]:
                if resource.get("disk", {}).get("persistence"):
                    found, offer = resource, again
    scheduler.call("ACCEPT", {
        "offer_ids": [offer["id"]], "operations": [
            {"type": "DESTROY", "destroy": {"volumes": [found]}},
            {"type": "UNRESERVE", "unreserve": {"resources": [reserved]}}]})
    time.sleep(0.5)
    return "RESERVE, CREATE, DESTROY and UNRESERVE"


@check
@with_scheduler()
def framework_failover(scheduler):
    _, status = started(scheduler, "t", "e", "run")
    old, stale = scheduler.stream, scheduler.stream_id
    scheduler.subscribe()  # A second scheduler takes the framework over.
    ends = []
    while (event := old.events.get(timeout=10)) is not None:
        if event["type"] == "ERROR":
            ends.append(event["error"]["message"])
    code, _, text = scheduler.call("REVIVE", stream_id=stale)
    scheduler.call("RECONCILE", {"tasks": []})
    again = scheduler.wait_task("t", "TASK_RUNNING")
    assert again["reason"] == "REASON_RECONCILIATION" and "uuid" not in again

    scheduler.stream.close()  # And once more after a lost connection.
    time.sleep(0.5)
    framework = next(f for f in get(MASTER, "/master/frameworks")["frameworks"]
                     if f["id"] == scheduler.framework_id["value"])
    assert not framework["connected"] and len(framework["tasks"]) == 1
    scheduler.subscribe()
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t"}}]})
    again = scheduler.wait_task("t", "TASK_RUNNING")
    assert again["container_status"] == status["container_status"]
    return f"old stream got {ends}; its calls get {code} {text[:50]}"


@check
def failover_timeout():
    scheduler = Scheduler(MASTERS, name="short", failover_timeout=1)
    scheduler.subscribe()
    _, status = started(scheduler, "t", "e", "run")
    pid = status["container_status"]["executor_pid"]
    start = time.time()
    scheduler.stream.close()
    while os.path.exists(f"/proc/{pid}"):
        assert time.time() < start + 20
        time.sleep(0.05)
    ended = since(start)
    try:
        scheduler.subscribe()
    except ConnectionError:
        pass
    errors = [e["error"]["message"] for e in scheduler.log if e and e["type"] == "ERROR"]
    assert errors, scheduler.log[-3:]
    return f"executor ended {ended} after the disconnect; then", errors


@check
@with_scheduler()
def agent_restart(scheduler):
    """The executor outlives its agent, and the restarted agent knows it."""
    offer, status = started(scheduler, "t", "e", "run")
    number = agent_number(offer)
    testbed("kill-agent", str(number))
    pid = status["container_status"]["executor_pid"]
    assert os.path.exists(f"/proc/{pid}")
    testbed("start-agent", str(number))
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t"}}]})
    again = scheduler.wait_task("t", "TASK_RUNNING")
    assert again["container_status"]["executor_pid"] == pid
    while True:  # The executor may need a moment to come back.
        scheduler.call("KILL", {"task_id": {"value": "t"}, "agent_id": offer["agent_id"]})
        try:
            scheduler.wait_task("t", "TASK_KILLED", timeout=2)
            break
        except TimeoutError:
            pass
    states = [e["update"]["status"]["state"] for e in scheduler.log if e["type"] == "UPDATE"]
    return "same agent ID, container and task;", states


@check
@with_scheduler()
def executor_dies_while_agent_is_down(scheduler):
    offer, status = started(scheduler, "t", "e", "run")
    number = agent_number(offer)
    testbed("kill-agent", str(number), "--node")
    testbed("start-agent", str(number))
    status = scheduler.wait_task("t", "TASK_FAILED")
    return status["reason"], status["source"]


def loss(scheduler, wanted):
    offer, _ = started(scheduler, "t", "e", "run")
    number = agent_number(offer)
    start = time.time()
    testbed("kill-agent", str(number), "--node")
    found = {}
    while len(found) < 2:
        event = scheduler.next(timeout=30)
        if event["type"] == "FAILURE":
            assert event["failure"]["agent_id"] == offer["agent_id"]
            assert "executor_id" not in event["failure"]
            found["FAILURE"] = since(start)
        elif event["type"] == "UPDATE":
            status = event["update"]["status"]
            assert status["state"] == wanted, status
            found["UPDATE"] = (status["state"], status["reason"], since(start),
                               "uuid" in status)
        elif event["type"] == "OFFERS":
            scheduler.decline(event["offers"]["offers"], 0.5)
    testbed("start-agent", str(number), "--wipe")
    rescinds = sum(e["type"] == "RESCIND" for e in scheduler.log)
    return found, f"{rescinds} RESCIND"


@check
@with_scheduler()
def agent_loss(scheduler):
    return loss(scheduler, "TASK_UNREACHABLE")


@check
@with_scheduler(capabilities=[{"type": "MULTI_ROLE"}])
def agent_loss_not_partition_aware(scheduler):
    return loss(scheduler, "TASK_LOST")


@check
@with_scheduler(checkpoint=False)
def agent_loss_without_checkpointing(scheduler):
    return loss(scheduler, "TASK_LOST")


@check
@with_scheduler()
def rescind(scheduler):
    offer = scheduler.offers()[0]
    number = str(agent_number(offer))
    start = time.time()
    testbed("kill-agent", number)
    event = scheduler.wait("RESCIND")
    assert event["rescind"]["offer_id"] == offer["id"], event
    took = since(start)
    testbed("start-agent", number)
    return took


@check
@with_scheduler()
def agent_partition(scheduler):
    """A stopped agent is like one cut off; it comes back with its tasks."""
    offer, _ = started(scheduler, "t", "e", "run")
    number = str(agent_number(offer))
    start = time.time()
    testbed("kill-agent", number, "--signal", "STOP")
    try:
        scheduler.wait_task("t", "TASK_UNREACHABLE", timeout=30)
        away = since(start)
    finally:
        testbed("kill-agent", number, "--signal", "CONT")
    start = time.time()
    status = scheduler.wait_task("t", "TASK_RUNNING", timeout=30)
    return f"unreachable after {away}, running again {since(start)} after it", status["reason"]


@check
@with_scheduler()
def agent_leaves(scheduler):
    offer, _ = started(scheduler, "t", "e", "run")
    number = str(agent_number(offer))
    start = time.time()
    testbed("kill-agent", number, "--signal", "USR1")
    event = scheduler.wait("UPDATE", timeout=30)
    status = event["update"]["status"]
    took = since(start)
    testbed("start-agent", number, "--wipe")
    return status["state"], status.get("reason"), took


@check
@with_scheduler()
def master_restart(scheduler):
    offer, status = started(scheduler, "t", "e", "run")
    before = scheduler.framework_id
    testbed("kill-master", "0")
    assert scheduler.wait("CLOSED") is None
    start = time.time()
    testbed("start-master", "0")
    scheduler.subscribe()
    assert scheduler.framework_id == before
    took = since(start)
    while True:
        scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t"}}]})
        try:
            again = scheduler.wait_task("t", "TASK_RUNNING", timeout=1)
            break
        except TimeoutError:
            assert time.time() < start + 30
    assert again["container_status"] == status["container_status"]
    return f"subscribed again in {took}, task known again in {since(start)}"


def leader():
    return next(name for name, node in nodes().items() if node.get("leader"))


@ha_check
@with_scheduler()
def redirect(scheduler):
    for name, node in nodes().items():
        if name.startswith("master") and not node["leader"]:
            stream = Subscription(node["address"], Scheduler.PATH, {
                "type": "SUBSCRIBE", "subscribe": {"framework_info": scheduler.info}})
            assert stream.status == 307, stream.status
            location = stream.headers["Location"]
            assert location == f"//{scheduler.address}/master{Scheduler.PATH}", location
    return "307 with Location:", location


@ha_check
@with_scheduler()
def master_failover(scheduler):
    offer, status = started(scheduler, "t", "e", "run")
    found = []
    for _ in range(2):  # The second time with the first one back as a follower.
        old = leader()
        start = time.time()
        testbed("kill-master", old.split("-")[1])
        assert scheduler.wait("CLOSED") is None
        scheduler.subscribe(timeout=60)
        subscribed = since(start)
        while True:
            scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t"}}]})
            try:
                again = scheduler.wait_task("t", "TASK_RUNNING", timeout=1)
                break
            except TimeoutError:
                assert time.time() < start + 60
        assert again["container_status"] == status["container_status"]
        found.append(f"{old} -> {leader()}: subscribed {subscribed}, task known {since(start)}")
        testbed("start-master", old.split("-")[1])
    scheduler.call("KILL", {"task_id": {"value": "t"}, "agent_id": offer["agent_id"]})
    scheduler.wait_task("t", "TASK_KILLED")
    return found


def main():
    wanted = sys.argv[1:]
    failed = []
    todo = [f for f in (checks if len(MASTERS) == 1 else ha_checks)
            if not wanted or f.__name__ in wanted]
    for function in todo:
        start = time.time()
        try:
            result = function()
            print(f"ok   {function.__name__} ({since(start)}): {result}", flush=True)
        except Exception as error:
            failed.append(function.__name__)
            print(f"FAIL {function.__name__} ({since(start)}): {error!r}", flush=True)
            if os.environ.get("TRACE"):
                import traceback
                traceback.print_exc()
    passed = len(todo) - len(failed)
    print(f"{passed} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
