"""Starting, keeping and stopping real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.supervisor.conftest import Deck, alive, running, serving
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops.child import ask_supervisor
from tradedeck.supervisor.supervisor import STOP_S

pytestmark = pytest.mark.processes


def test_ready_in_order_of_need_and_stopped_by_rank(deck: Deck) -> None:
    deck.start(
        serving("runner", needs=["api"], stop_rank=0),
        serving("api", stop_rank=1),
        serving("nats", stop_rank=2),
    )
    deck.running("api", "runner", "nats")
    assert stat.S_IMODE((deck.home / "run" / "processes.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((deck.home / "run" / "supervisor.sock").stat().st_mode) == 0o600
    pids = [deck.state(name)["pid"] for name in ("api", "runner", "nats")]
    code, out, _ = deck.stop()
    lines = [" ".join(line.split()[:2]) for line in out.splitlines()]
    assert lines.index("api running") < lines.index("runner starting")
    stopped = [line for line in lines if line.endswith(" stopped")]
    assert stopped == ["runner stopped", "api stopped", "nats stopped"]
    assert code == 0
    assert not any(alive(pid) for pid in pids)


def test_a_killed_process_comes_back(deck: Deck) -> None:
    deck.start(serving("runner"), serving("api"))
    deck.running("runner", "api")
    api = deck.state("api")["pid"]
    for count in range(1, 9):  # more than the limit for faults: kills from outside are not
        before = deck.state("runner")["pid"]
        os.kill(before, signal.SIGKILL)
        deck.until(
            lambda n=count, p=before: (
                deck.state("runner")["restarts"] == n and deck.state("runner")["pid"] != p
            )
        )
        deck.running("runner")
    assert deck.state("api") == deck.state("api") | {"pid": api, "restarts": 0}


def test_a_crash_loop_ends_failed_and_harms_nobody(deck: Deck) -> None:
    deck.start(
        running("runner", "raise SystemExit('the file prices.csv is missing')"), serving("api")
    )
    deck.until(lambda: deck.state("runner")["state"] == "failed")
    runner = deck.state("runner")
    assert runner["restarts"] == 4
    assert "5 times" in runner["detail"]
    assert "the file prices.csv is missing" in runner["detail"]
    assert deck.state("api")["state"] == "running"
    assert deck.state("api")["restarts"] == 0
    log = (deck.home / "logs" / "supervisor.jsonl").read_text()
    assert '"event":"runner failed"' in log


def test_wrong_settings_are_not_tried_again(deck: Deck) -> None:
    deck.start(running("runner", "raise SystemExit(78)"), serving("api"))
    deck.until(lambda: deck.state("runner")["state"] == "failed")
    assert deck.state("runner")["restarts"] == 0


def test_a_missing_program_is_a_fault_not_a_crash(deck: Deck) -> None:
    deck.start({"name": "nats", "argv": ["/no/such/program"], "environment": {}}, serving("api"))
    deck.until(lambda: deck.state("nats")["state"] == "failed")
    assert "/no/such/program" in deck.state("nats")["detail"]
    assert deck.state("api")["state"] == "running"


def test_what_ignores_the_signal_is_killed_with_what_it_started(deck: Deck) -> None:
    note = str(deck.home / "grandchild")
    stubborn = (
        "import subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({note!r}, 'w').write(str(subprocess.Popen(['sleep', '300']).pid))\n"
    )
    deck.start(serving("runner", stubborn), serving("api", stop_rank=1))
    deck.running("runner", "api")
    grandchild = int((deck.home / "grandchild").read_text())
    runner = deck.state("runner")["pid"]
    code, _, took = deck.stop()
    assert code == 0
    assert took > STOP_S - 1
    deck.until(lambda: not alive(runner) and not alive(grandchild))


def test_a_second_signal_ends_it_at_once(deck: Deck) -> None:
    deck.start(serving("runner", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    deck.running("runner")
    assert deck.process is not None
    deck.process.send_signal(signal.SIGINT)
    deck.until(lambda: deck.state("runner")["state"] == "stopping")
    _, _, took = deck.stop(signal.SIGINT)
    assert took < STOP_S


def test_children_die_with_the_supervisor(deck: Deck) -> None:
    deck.start(serving("runner", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"), serving("api"))
    deck.running("runner", "api")
    pids = [deck.state(name)["pid"] for name in ("api", "runner")]
    deck.stop(signal.SIGKILL)
    deck.until(lambda: not any(alive(pid) for pid in pids), 5)


def test_lazy_is_started_when_asked_and_rests_by_ending(deck: Deck) -> None:
    code = (
        "import os, time; os.write(int(os.environ['TRADEDECK_READY_FD']), b'READY')\n"
        "time.sleep(0.3)"
    )
    deck.start(running("worker", code, lazy=True), serving("api"))
    deck.running("api")
    assert deck.state("worker")["state"] == "idle"
    for _ in range(7):  # resting is no fault, however often
        assert ask_supervisor(deck.home, "start", "worker")["ok"]
        deck.until(lambda: deck.state("worker")["state"] == "running")
        deck.until(lambda: deck.state("worker")["state"] == "idle")


def test_finishing_its_cycles_ends_up(deck: Deck) -> None:
    deck.start(running("runner", "pass", finishes=True), serving("api", stop_rank=1))
    assert deck.process is not None
    assert deck.process.wait(60) == 0


def test_the_socket_answers_and_survives_nonsense(deck: Deck) -> None:
    deck.start(serving("api"), serving("runner"))
    deck.running("api", "runner")
    status = ask_supervisor(deck.home, "status")
    assert {p["name"]: p["state"] for p in status["processes"]} == {
        "api": "running",
        "runner": "running",
    }
    for act, process in (("start", "nobody"), ("dance", "api")):
        with pytest.raises(TradedeckError):
            ask_supervisor(deck.home, act, process)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(deck.home / "run" / "supervisor.sock"))
        line.sendall(b"\xff{not json\n")
        assert json.loads(line.recv(1000))["ok"] is False
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(str(deck.home / "run" / "supervisor.sock"))
    before = deck.state("runner")["pid"]
    ask_supervisor(deck.home, "restart", "runner")
    silent.close()
    deck.until(
        lambda: deck.state("runner")["state"] == "running" and deck.state("runner")["pid"] != before
    )
    ask_supervisor(deck.home, "stop")
    assert deck.process is not None
    assert deck.process.wait(60) == 0


def test_without_a_supervisor_the_asker_is_told(tmp_path: Path) -> None:
    with pytest.raises(TradedeckError, match="not running"):
        ask_supervisor(tmp_path, "status")


def test_what_a_child_prints_is_bounded_and_kept(deck: Deck) -> None:
    flood = (
        "import threading\n"
        "def talk():\n    for n in range(20000): print('noise', n, flush=True)\n"
        "threading.Thread(target=talk).start()"
    )
    deck.start(serving("runner", flood), serving("api"))
    deck.running("runner", "api")
    deck.stop()
    log = (deck.home / "logs" / "supervisor.jsonl").read_text().splitlines()
    noise = [line for line in log if "noise" in line]
    assert 1 <= len(noise) < 200


def test_nothing_is_inherited(deck: Deck) -> None:
    os.environ["BROKER_SECRET_CANARY"] = "canary"
    try:
        note = str(deck.home / "env")
        code = f"import json; open({note!r}, 'w').write(json.dumps(dict(os.environ)))"
        deck.start(serving("api", code, environment={"TRADEDECK_HOME": "x"}))
        deck.running("api")
    finally:
        del os.environ["BROKER_SECRET_CANARY"]
    seen = json.loads((deck.home / "env").read_text())
    assert set(seen) - {"LC_CTYPE"} == {"TRADEDECK_HOME", "TRADEDECK_READY_FD"}


BEATS = """
import os, signal, sys, time
line = int(os.environ["TRADEDECK_READY_FD"])
os.write(line, b"READY\\n")
while True:
    time.sleep(0.1)
    os.write(line, b".")
"""


def test_ctl_14_a_loop_that_stands_still_is_ended_and_comes_back(deck: Deck) -> None:
    deck.start(running("runner", BEATS, silent_s_max=3), running("api", BEATS, silent_s_max=3))
    deck.running("runner", "api")
    before = deck.state("runner")["pid"]
    os.kill(before, signal.SIGSTOP)
    deck.until(lambda: deck.state("runner")["restarts"] == 1, 30)
    deck.running("runner")
    assert not alive(before)
    assert deck.state("api")["restarts"] == 0
    log = (deck.home / "logs" / "supervisor.jsonl").read_text()
    assert "its loop stood still for 3 s" in log


def test_ctl_14_a_loop_that_stands_still_again_and_again_is_given_up(deck: Deck) -> None:
    """A freeze is a fault of its own, not a kill from outside that is forgiven thirty times."""
    deck.start(serving("runner", silent_s_max=0.5), serving("api"))
    deck.until(lambda: deck.state("runner")["state"] == "failed", 60)
    assert deck.state("runner")["restarts"] == 4
    assert "stood still" in deck.state("runner")["detail"]


def test_ctl_14_a_frozen_server_that_is_probed_is_noticed(deck: Deck) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    greets = (
        "import socket\n"
        f"s = socket.create_server(('127.0.0.1', {port}))\n"
        "while True:\n    c, _ = s.accept(); c.sendall(b'INFO'); c.close()\n"
    )
    deck.start(running("nats", greets, probe=["127.0.0.1", port], silent_s_max=3))
    deck.running("nats")
    os.kill(deck.state("nats")["pid"], signal.SIGSTOP)
    deck.until(lambda: deck.state("nats")["restarts"] == 1, 30)
    deck.running("nats")
