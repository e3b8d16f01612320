"""`tradedeck service DIR`: units for systemd, one per process, with this installation's paths.

Each unit is one of our processes (`tradedeck.supervisor only NAME`), so that systemd gives what
`up` gives: readiness and watchdog from the working loop, a start limit, one instance. A unit that
is given up latches a pause through the guard, so that nothing goes on half up. The guard and the
runner are of one user and one pid namespace: the guard must be able to end the runner.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from dataclasses import dataclass
from pathlib import Path

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits
from tradedeck.supervisor import given

TARGET = "tradedeck.target"
FAILED = "tradedeck-failed@.service"
WHOLE = "tradedeck-whole.service"
START_LIMIT = 5  # starts within a minute, as the supervisor of `up` has it
WATCHDOG_S_MIN = 2.0


@dataclass(frozen=True, slots=True)
class Unit:
    """What differs from process to process."""

    name: str
    says: str
    after: tuple[str, ...] = ()
    notifies: bool = True
    memory_mb: int = 512
    writes_home: bool = True
    network: bool = True


UNITS = (
    Unit("nats", "the message server", notifies=False, memory_mb=256),
    Unit("api", "people, configuration, audit and the cockpit", ("nats",), memory_mb=1024),
    Unit("exchange", "the paper exchange", ("nats",)),
    Unit("guard", "what can stop everything", ("nats",), memory_mb=256),
    # Strategies live in processes of the runner's: each may add TRADEDECK_STRATEGY_MEMORY_MB.
    Unit("runner", "feeds, gate and orders", ("nats", "api", "exchange", "guard"), memory_mb=8192),
    Unit("worker", "backtests", ("nats", "api"), memory_mb=4096),
)

# Everything a process of ours does not need. The calls allowed by name are those by which the
# runner shuts its strategies in; W^X is not demanded, because libffi maps its closures.
SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={protect_home}
ReadWritePaths={home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @mount @swap @reboot @raw-io @module @debug @obsolete
SystemCallFilter=setrlimit prlimit64 seccomp
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallErrorNumber=EPERM
UMask=0077
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is installed and as whom it runs."""

    python: Path
    home: Path
    user: str
    watchdog_s: float


def render(place: Place) -> dict[str, str]:
    """Every unit's text by its file name."""
    files = {_service(unit.name): _unit(unit, place) for unit in UNITS}
    files[TARGET] = _target()
    files[FAILED] = _failed(place)
    files[WHOLE] = _whole(place)
    return files


def _service(name: str) -> str:
    return f"tradedeck-{name}.service"


def _target() -> str:
    wants = " ".join([*(_service(unit.name) for unit in UNITS), WHOLE])
    return (
        "[Unit]\n"
        "Description=Tradedeck, the control plane for live algorithmic trading\n"
        f"Wants={wants}\n"
        f"After={wants}\n\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
    )


def _unit(unit: Unit, place: Place) -> str:
    after = " ".join(["network-online.target", *(_service(name) for name in unit.after)])
    watched = unit.notifies and place.watchdog_s >= WATCHDOG_S_MIN
    kind = "notify" if unit.notifies else "exec"
    lines = [
        "[Unit]",
        f"Description=Tradedeck {unit.name}: {unit.says}",
        f"PartOf={TARGET}",
        f"After={after}",
        "Wants=network-online.target",
        "StartLimitIntervalSec=60",
        f"StartLimitBurst={START_LIMIT}",
        f"OnFailure=tradedeck-failed@{unit.name}.service",
        "",
        "[Service]",
        f"Type={kind}",
        *(["NotifyAccess=main"] if unit.notifies else []),
        *([f"WatchdogSec={place.watchdog_s:g}", "WatchdogSignal=SIGKILL"] if watched else []),
        f"ExecStart={_quoted(place.python)} -m tradedeck.supervisor only {unit.name}",
        f"Environment=TRADEDECK_HOME={_quoted(place.home)}",
        f"EnvironmentFile=-{place.home}/.env",
        f"User={place.user}",
        "Restart=on-failure",
        "RestartSec=1",
        f"RestartPreventExitStatus={exits.Exit.CONFIG.value}",
        "TimeoutStartSec=60",
        "TimeoutStopSec=10",
        "KillMode=mixed",
        f"MemoryMax={unit.memory_mb}M",
        "",
        _sandbox(place),
        "[Install]",
        f"WantedBy={TARGET}",
        "",
    ]
    return "\n".join(lines)


def _failed(place: Place) -> str:
    """Given up by systemd: nothing new is opened until a person has looked."""
    how = "--step pause all"
    words = "%i was given up by systemd after it failed again and again"
    lines = [
        "[Unit]",
        "Description=Tradedeck: pause entries because %i was given up",
        "",
        "[Service]",
        "Type=oneshot",
        f'ExecStart={_quoted(place.python)} -m tradedeck.guard kill --reason "{words}" {how}',
        f"Environment=TRADEDECK_HOME={_quoted(place.home)}",
        f"User={place.user}",
        "TimeoutStartSec=60",
        "",
        _sandbox(place),
    ]
    return "\n".join(lines)


def _whole(place: Place) -> str:
    """Started after the others, hence stopped before them, and only with the target."""
    says = f"{_quoted(place.python)} -m tradedeck.supervisor leaving"
    lines = [
        "[Unit]",
        "Description=Tradedeck: tells a stop of everything from a stop of one process",
        f"PartOf={TARGET}",
        f"After={' '.join(_service(unit.name) for unit in UNITS)}",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"ExecStart={says} forget",
        f"ExecStop={says} say",
        f"Environment=TRADEDECK_HOME={_quoted(place.home)}",
        f"EnvironmentFile=-{place.home}/.env",
        f"User={place.user}",
        "TimeoutStartSec=60",
        "TimeoutStopSec=10",
        "",
        _sandbox(place),
    ]
    return "\n".join(lines)


def _sandbox(place: Place) -> str:
    protected = not any(
        place.home.is_relative_to(folder) or place.python.is_relative_to(folder)
        for folder in ("/home", "/root", "/run/user")
    )
    return SANDBOX.format(home=place.home, protect_home="yes" if protected else "read-only")


def _quoted(path: Path) -> str:
    text = str(path).replace("%", "%%")
    return f'"{text}"' if " " in text else text


def main(arguments: list[str]) -> int:
    """`service write DIR [--user NAME]`: write the units and say what to do with them."""
    options = _parser().parse_args(arguments)
    try:
        host = given.read(demo=False)
        place = Place(Path(sys.executable), host.home, options.user, host.watchdog_s)
        folder: Path = options.folder
        if not folder.is_dir():
            raise TradedeckError(
                Code.INVALID, f"{folder} is not a folder.", hint="Name one that exists."
            )
        for name, text in render(place).items():
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    print(f"\nThen: systemctl daemon-reload && systemctl enable --now {TARGET}")
    return exits.Exit.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradedeck service", description="Units for systemd.")
    acts = parser.add_subparsers(dest="act", required=True)
    write = acts.add_parser("write", help="write them into a folder")
    write.add_argument("folder", type=Path, help="for example /etc/systemd/system")
    write.add_argument("--user", default=getpass.getuser(), help="who runs it; default: you")
    return parser
