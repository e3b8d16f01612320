"""What a strategy cannot do, in real processes: ENG-5, INV-11."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.host.harness import on_bar, with_hosts, write
from tradedeck.runner.hosts import HostFailed, Hosts

pytestmark = pytest.mark.processes

KILLED = {
    "raises": ("raise RuntimeError('the sky fell')", "exception", "the sky fell"),
    "loops": ("while True: pass", "deadline", "took more than"),
    "loops-in-c": ("sum(range(10**11))", "deadline", "took more than"),
    "allocates": (
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))",
        "memory",
        "MemoryError",
    ),
    "exits": ("sys.exit(3)", "exception", "SystemExit"),
    "exits-hard": ("os._exit(7)", "exit", ""),
    "closes": ("os.closerange(0, 64)", "exit", ""),
    "prints": ("while True: print('x' * 4000)", "flood", "printed more"),
    "garbage": ("return {'buy': 1}", "exception", "TypeError"),
    "many": ("return [Signal(1.0)] * 10_000", "exception", "10000 wishes"),
    "nan": ("return Signal(float('nan'))", "exception", "target was nan"),
    "nan-stop": ("return Signal(1.0, stop=float('nan'))", "exception", "stop was nan"),
    "forges": ("os.write(3, b'\\0\\0\\0\\x05[1,2]')\ntime.sleep(30)", "flood", "own line"),
    "babbles": ("os.write(3, b'\\xff' * 64)\ntime.sleep(30)", "flood", "was announced"),
    "sleeps": ("time.sleep(60)", "deadline", "took more than"),
}

# Each raises PermissionError inside the strategy; what it printed says so.
REFUSED = {
    "forks": "os.fork()",
    "execs": "os.execv('/bin/true', ['true'])",
    "spawns": "os.posix_spawn('/bin/true', ['true'], {})",
    "inet": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "inet6": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "kills": "os.kill(os.getppid(), signal.SIGKILL)",
    "kills-group": "os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)",
    "pidfd": "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL)",
    "environ": "open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    "memory-of": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "key": "open({key!r}, 'rb').read()",
    "journal": "os.listdir({folder!r})",
    "writes": "open({folder!r} + '/mine', 'w')",
    "passwd": "open('/etc/passwd').read()",
    "mounts": "__import__('ctypes').CDLL(None, use_errno=True).mount(0, b'/', 0, 32, 0) and "
    "(_ for _ in ()).throw(PermissionError)",
}


def test_eng_5_what_harms_is_killed_and_named(tmp_path: Path) -> None:
    """Each in its own process, all at once: none hides another, and a good one misses nothing."""
    good = "return Signal(1.0)"
    write(tmp_path / "s", {name: code for name, (code, _, _) in KILLED.items()} | {"good": good})
    found: dict[str, HostFailed] = {}
    answers: list[dict[str, object]] = []

    async def one(hosts: Hosts, name: str) -> None:
        try:
            reply = await hosts.ask(name, on_bar(), 5)
        except HostFailed as failure:
            found[name] = failure
        else:
            answers.append(reply)

    async def body(hosts: Hosts) -> None:
        for name in (*KILLED, "good"):
            await hosts.spawn(name, name, {}, None)
        await asyncio.gather(*(one(hosts, name) for name in KILLED))
        for _ in range(5):
            await one(hosts, "good")
        assert set(hosts.hosts) == {"good"}

    with_hosts(tmp_path / "s", body)
    assert {name: failure.reason for name, failure in found.items()} == {
        name: reason for name, (_, reason, _) in KILLED.items()
    }
    for name, (_, _, words) in KILLED.items():
        assert words in found[name].detail, name
    assert len(answers) == 5


def test_inv_11_no_way_out_of_the_process(tmp_path: Path) -> None:
    """Fork, exec, sockets, signals, other processes' environment and files: all refused."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "api.key").write_bytes(b"secret")
    names = {"key": str(home / "api.key"), "folder": str(home)}
    cases = {
        name: f"try:\n    {code.format(**names) if '{key' in code or '{folder' in code else code}\n"
        "except PermissionError:\n    print('refused', flush=True)"
        for name, code in REFUSED.items()
    }
    write(tmp_path / "s", cases)

    async def body(hosts: Hosts) -> None:
        for name in REFUSED:
            await hosts.spawn(name, name, {}, None)
            assert hosts.hosts[name].unenforced == []
            await hosts.ask(name, on_bar(), 5)
        await asyncio.sleep(0.1)

    lines = with_hosts(tmp_path / "s", body)
    assert {name for name, line in lines if line == "refused"} == set(REFUSED)
    assert list(home.iterdir()) == [home / "api.key"]


def test_inv_14_a_host_has_no_environment_and_no_descriptor_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_TOKEN", "canary-91b7")
    ours, theirs = socket.socketpair()
    write(tmp_path / "s", {"looks": "print(sorted(os.environ), os.environ, flush=True)\n"
                           "kept = []\n"
                           "for n in range(64):\n"
                           "    try:\n        os.fstat(n); kept.append(n)\n"
                           "    except OSError:\n        pass\n"
                           "print('fds', kept, flush=True)"})  # fmt: skip

    async def body(hosts: Hosts) -> None:
        await hosts.spawn("looks", "looks", {}, None)
        await hosts.ask("looks", on_bar(), 5)
        await asyncio.sleep(0.1)

    with ours, theirs:
        said = "\n".join(line for _, line in with_hosts(tmp_path / "s", body))
    assert "canary" not in said
    assert "BROKER" not in said
    assert "fds [0, 1, 2, 3]" in said


def test_threads_are_allowed(tmp_path: Path) -> None:
    code = """
found = []
threads = [threading.Thread(target=found.append, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
return Signal(1.0 if len(found) == 4 else 0.0)
"""
    write(tmp_path / "s", {"threads": code})
    replies: list[object] = []

    async def body(hosts: Hosts) -> None:
        await hosts.spawn("t", "threads", {}, None)
        replies.append((await hosts.ask("t", on_bar(), 5))["wishes"][0]["target"])

    with_hosts(tmp_path / "s", body)
    assert replies == [1.0]


def test_a_death_between_bars_is_told_at_once(tmp_path: Path) -> None:
    later = "threading.Timer(0.1, lambda: os._exit(5)).start()"
    flood = "threading.Timer(0.1, lambda: [print('x' * 4000) for _ in range(10**6)]).start()"
    write(tmp_path / "s", {"later": later, "flood": flood})
    told: list[tuple[str, str]] = []
    both = asyncio.Event()

    def tell(trader: str, failure: HostFailed) -> None:
        told.append((trader, failure.reason))
        if len(told) == 2:
            both.set()

    async def body(hosts: Hosts) -> None:
        hosts.on_death = tell
        for name in ("later", "flood"):
            await hosts.spawn(name, name, {}, None)
            await hosts.ask(name, on_bar(), 5)
        await asyncio.wait_for(both.wait(), 60)

    with_hosts(tmp_path / "s", body)
    assert sorted(told) == [("flood", "flood"), ("later", "exit")]


def test_eng_9_loads_that_are_given_up_leave_nothing(tmp_path: Path) -> None:
    """A swap on top of a swap: no process, no descriptor, no mixed-up answer remains."""

    async def body(hosts: Hosts) -> None:
        await hosts.spawn("t", "ema-cross", {}, None)
        before = _descriptors()
        for round_ in range(40):
            task = asyncio.create_task(hosts.spawn("t", "momentum", {}, None))
            await asyncio.sleep(0.001 * (round_ % 8))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await hosts.spawn("t", "ema-cross", {}, None)
            assert (await hosts.ask("t", on_bar(), 5))["inputs"].keys() >= {"fast", "slow"}
        assert hosts.hosts["t"].pid in _children(hosts)
        for _ in range(100):
            if len(_children(hosts)) == 1:
                break
            await asyncio.sleep(0.02)
        assert len(_children(hosts)) == 1
        assert _descriptors() == before

    with_hosts(None, body)


def test_the_parent_of_hosts_comes_back(tmp_path: Path) -> None:
    async def body(hosts: Hosts) -> None:
        await hosts.spawn("t", "ema-cross", {}, None)
        process = hosts._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        gone = asyncio.Event()
        hosts.on_death = lambda _trader, _failure: gone.set()
        await asyncio.wait_for(gone.wait(), 60)
        with pytest.raises(HostFailed):
            await hosts.ask("t", on_bar(), 5)
        await hosts.spawn("t", "ema-cross", {}, None)
        assert (await hosts.ask("t", on_bar(), 5))["wishes"] == []

    with_hosts(None, body)


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _children(hosts: Hosts) -> set[int]:
    assert hosts._process is not None
    tasks = Path(f"/proc/{hosts._process.pid}/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
