"""Composition root of the runner.

The venue link, and with it every module that can reach a broker, is imported only where the host's
environment arms execution: in `signals` mode it does not exist in this process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
import yaml

from tradedeck import __version__
from tradedeck.adapters.bus.nats import NatsBus
from tradedeck.adapters.bus.types import Message
from tradedeck.adapters.calendars import tables
from tradedeck.adapters.logs.setup import configure
from tradedeck.authority import ceiling as ceilings
from tradedeck.authority.envelope import Envelope, Verifier
from tradedeck.desired.document import Document, default_document
from tradedeck.execution.arming import Mode, ceiling_mode
from tradedeck.execution.halt import Halts
from tradedeck.journal import serve
from tradedeck.journal.ballast import Ballast
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S, SystemClock
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.kernel.signing import VerifyKey
from tradedeck.ops import cpulatency, leaving
from tradedeck.ops.child import watch_parent
from tradedeck.ops.lifeline import Lifeline
from tradedeck.risk import limits
from tradedeck.risk.breakers import Breakers
from tradedeck.runner.catalogue import HostCatalogue
from tradedeck.runner.commands import IMMEDIATE, QUESTIONS, URGENT, Commands
from tradedeck.runner.configure import Configurator
from tradedeck.runner.desired_sync import DesiredSync
from tradedeck.runner.epochs import Epochs
from tradedeck.runner.feeds import FeedMaker
from tradedeck.runner.guardline import Line
from tradedeck.runner.hosts import Hosts
from tradedeck.runner.lifecycle import Lifecycle
from tradedeck.runner.loop import Loop
from tradedeck.runner.recover import Recovery
from tradedeck.runner.sink import JournalSink
from tradedeck.runner.step import Stepper
from tradedeck.runner.stops import Stops
from tradedeck.runner.telemetry import Telemetry
from tradedeck.runner.world import Tuning, World
from tradedeck.settings import Settings, load
from tradedeck.trading.facts import Kind
from tradedeck.trading.instrument import CATALOGUE

MEBIBYTE = 1024 * 1024
KEY_WAIT_S = 10.0
BOOT_CONNECT_S = 3.0
LATCH_WAIT_S = 1.0  # without it a runner whose guard is required reduces only
FIRST_DESIRED_S = 5.0  # then the documented defaults; the api may be down for ever
COMMAND_ANSWER_S = 1.5
COMMANDS_WAITING_MAX = 1_000
BROKERS = "tradedeck.adapters.brokers."

log: Any = structlog.get_logger(__name__)


class Runner:
    """Everything of one runner, wired."""

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.clock = SystemClock()
        home = settings.home
        self.lifeline = Lifeline(home, "runner")
        for name in ("journals", "run"):
            (home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        leaving.forget(home)
        self.journal = Journal(
            home / "journals" / f"{settings.runner}.db",
            self.clock.now_ns,
            Ballast(home / "run" / f"ballast-{settings.runner}"),
        )
        self.bus = NatsBus.of_home(home, "runner")
        self.mode = ceiling_mode(env)
        self._seen: dict[str, int] = self.journal.get("commands-seen") or {}
        self.epochs = Epochs(home / "run" / "closer", self.clock.now_ns)
        self.world = self._world(env)
        self.lifecycle = Lifecycle(self.world)
        self.stepper = Stepper(self.world, self.lifecycle)
        self.recovery = Recovery(self.world, self.stepper)
        self.configurator = Configurator(self.world, self.lifecycle)
        self.stops = Stops(
            self.world,
            self.stepper,
            self.epochs,
            lambda acts: Line(
                home / "run" / "guard.sock",
                acts,
                self.clock.monotonic_ns,
                settings.guard_silent_s,
            ),
            required=settings.guard == "required" and self.mode is Mode.PAPER,
        )
        self.world.stops = self.stops
        self.commands = Commands(self.world, self.lifecycle, self.stepper)
        self.telemetry = Telemetry(self.world, self.recovery, self.bus.publish)
        self.loop = Loop(
            self.world,
            self.lifecycle,
            self.stepper,
            self.recovery,
            self.telemetry,
            self.configurator,
        )
        self.hints = serve.Hints(self.bus.publish, self.journal, settings.runner)
        self.world.on_commit = self.hints.want
        self.world.alive = self._alive

    def _alive(self) -> None:
        """The working loop came round: said to the supervisor and to the guard."""
        self.lifeline.beat()
        self.stops.beat()

    def _world(self, env: Mapping[str, str]) -> World:
        settings, home = self.settings, self.settings.home
        halts = Halts(self.journal.get("halts") or {})
        instruments = dict(CATALOGUE)
        sink = JournalSink(self.journal, halts, instruments, self.clock.now_ns)
        strategies = settings.strategies_path
        hosts = Hosts(
            strategies if strategies.is_dir() else None,
            settings.strategy_memory_mb * MEBIBYTE,
            lambda trader, line: log.info("strategy", trader=trader, line=line),
        )
        world = World(
            settings.runner,
            self.clock,
            self.journal,
            sink,
            halts,
            hosts,
            env,
            _ceiling(home / "ceiling.yaml"),
            None,
            tables.load,
            FeedMaker(settings, tables.load).make,
            day_end,
            log,
            Tuning(
                callback_deadline_s=settings.callback_deadline_ms / 1000,
                cycles_max=settings.max_iterations or None,
            ),
            instruments,
            self.epochs,
        )
        world.breakers = Breakers(self.journal.get("breakers"))
        venue = self.journal.get("venue")
        world.venue_seq = 0 if venue is None else int(venue["seq"])
        return world

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Boot, serve until told to stop, stop in order."""
        world = self.world
        self._signals()
        self._keep_awake()
        await self.bus.start()
        await world.hosts.start()
        if self.mode is Mode.PAPER:
            world.link = self._link()
        guard = asyncio.create_task(self.stops.line.run(), name="guard")
        sync = await self._boot()
        tasks = [
            guard,
            *(
                asyncio.create_task(work, name=name)
                for name, work in (
                    ("hints", self.hints.run()),
                    ("desired", sync.run()),
                    ("config-file", sync.watch_file()),
                )
            ),
        ]
        self.lifeline.ready()
        try:
            await self.loop.run()
        finally:
            for task in tasks:
                task.cancel()
            await self._stop()

    def _keep_awake(self) -> None:
        """Say what became of the wish for CPUs that wake quickly."""
        wish, before = self.settings.cpu_latency_us, self.journal.get("cpu-latency")
        if wish is None:
            if before is not None:
                self.journal.drop("cpu-latency")
                self.world.condition("runner", "CpuLatency", "Unknown", "NOT_ASKED")
            return
        self.journal.put("cpu-latency", wish)
        fault = cpulatency.hold(wish)
        status, reason = ("False", "NOT_PERMITTED") if fault else ("True", "HELD")
        detail = fault or f"CPUs wake within {wish} microseconds"
        self.world.condition("runner", "CpuLatency", status, reason, detail)

    def _signals(self) -> None:
        def stop() -> None:
            self.world.stopping = True
            self.world.wake.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    def _link(self) -> Any:
        from tradedeck.runner.venue import PaperVenueLink

        return PaperVenueLink(
            self.settings.home / "run" / "exchange.sock",
            self.world.pushed.extend,
            self.recovery.lost,
            self._alive,
        )

    async def _boot(self) -> DesiredSync:
        world, home = self.world, self.settings.home
        verifier = Verifier(await self._key(), world.runner)
        verifier.remember(self._seen)
        sync = DesiredSync(
            world,
            self.configurator,
            self.stepper,
            self.bus,
            verifier,
            HostCatalogue(world.hosts),
            home / "config.yaml",
        )
        self._started()
        document = sync.boot_document()
        kept = self.journal.get("desired")
        generation = 0 if kept is None else int(kept["generation"])
        if document is None:
            found = await sync.first(FIRST_DESIRED_S)
            document, generation = found or (self._without_desired(), 0)
        try:
            actions = self.configurator.apply(document, generation)
        except TradedeckError as error:
            world.sink.alarm("BOOT_REFUSED", str(error), "critical")
            world.commit()
            raise
        sync.boot_file(generation)
        self.stops.closing.resume()
        self.stops.planned()
        world.commit()
        await self._latch_read()
        await self._announce(actions)
        await self._serve(verifier, sync)
        return sync

    async def _latch_read(self) -> None:
        """A guard that is there is heard before the first order: what it holds is held here."""
        waited = 0.0
        while waited < LATCH_WAIT_S and not self.stops.latched:
            if not self.stops.line.path.exists():
                return
            await asyncio.sleep(0.02)
            waited += 0.02

    def _without_desired(self) -> dict[str, Any]:
        """What a host runs that never heard of desired state: the documented defaults where nothing
        can be sent, nothing at all where execution is armed.
        """
        if self.mode is Mode.SIGNALS:
            return default_document().plain()
        return Document(version=1).plain()

    async def _announce(self, actions: list[Any]) -> None:
        world = self.world
        deadline = self.clock.monotonic_ns() + int(BOOT_CONNECT_S * NS_PER_S)
        while world.link is not None and not world.link.connected:
            await self.recovery.keep(self.clock.now_ns())
            if world.link.connected or self.clock.monotonic_ns() > deadline:
                break
            await asyncio.sleep(0.05)
        await self.lifecycle.settle_loading()
        await self.stepper.carry_out(actions)
        mode, reasons = world.mode
        if mode is Mode.SIGNALS:
            log.info("execution disabled (signals-only)")
        words = f"number of accounts able to execute: {world.executing_accounts}"
        log.info(words, mode=mode.value, reasons=list(reasons))
        world.commit()

    def _started(self) -> None:
        """State who runs, and which modules that reach a broker this process has."""
        world = self.world
        world.fact(
            Kind.RUNNER_STARTED,
            {
                "runner": world.runner,
                "build": __version__,
                "pid": os.getpid(),
                "mode": self.mode.value,
                "reasons": [],
                "data_mode": world.data_mode,
                "execution_capable_accounts": 0,
                "strict_live": self.settings.strict_live_mode,
                "broker_modules": sorted(name for name in sys.modules if name.startswith(BROKERS)),
                "strategies": world.hosts.catalogue,
                "strategies_fault": world.hosts.fault,
            },
        )
        if world.hosts.fault:
            world.sink.alarm("STRATEGIES_FAULT", world.hosts.fault, "warning")
        for row in world.halts.active.values():
            log.warning("halt in force from before", **row)

    async def _stop(self) -> None:
        world = self.world
        world.fact(Kind.RUNNER_STOPPED, {"reason": "asked to stop"})
        self.stops.line.bye(whole=leaving.said(self.settings.home))
        for account in world.accounts.values():
            self.stepper.equity(account)
        self.stepper.save()
        world.commit()
        await world.hosts.stop()
        if world.link is not None:
            await world.link.close()
        await self.bus.close()
        self.journal.close()
        self.epochs.release()
        self.lifeline.close()
        log.info("runner stopped")

    # -- wire ----------------------------------------------------------------------------------

    async def _key(self) -> VerifyKey:
        """The api's public key, as it was put on this host."""
        path = self.settings.home / "keys" / "api.pub"
        waited = 0.0
        while not path.exists():
            if waited >= KEY_WAIT_S:
                raise TradedeckError(
                    Code.UNAVAILABLE,
                    f"{path} is missing: this host trusts no control plane yet",
                    hint="Start the api once on this home, or copy its keys/api.pub here.",
                )
            await asyncio.sleep(0.05)
            waited += 0.05
        return VerifyKey(_key_bytes(path))

    async def _serve(self, verifier: Verifier, sync: DesiredSync) -> None:
        world, name = self.world, self.world.runner

        async def pages(message: Message) -> object:
            return serve.answer(self.journal, name, message.json())

        async def hinted(_message: Message) -> None:
            sync.hinted.set()

        async def command(message: Message) -> object:
            return await self._command(verifier, message)

        await self.bus.serve(f"journal.{name}", pages)
        await self.bus.serve(f"desired.hint.{name}", hinted)
        await self.bus.serve(f"cmd.{name}", command, concurrency=64)
        world.commit()

    async def _command(self, verifier: Verifier, message: Message) -> dict[str, Any]:
        world = self.world
        try:
            envelope = verifier.open(message.data, kind="command", now_ns=self.clock.now_ns())
        except TradedeckError as error:
            world.sink.alarm("COMMAND_IGNORED", f"{error.code.value}: {error.detail}", "critical")
            world.wake.set()
            return {"id": "", "accepted": False, "code": error.code.value, "detail": error.detail}
        command: Any = envelope.body.get("command")
        if command in QUESTIONS:  # changes nothing, so it waits for nothing
            return await self.commands.run(envelope.id, envelope.body)
        if command in IMMEDIATE:
            self._acted(envelope)
            return await self.commands.run(envelope.id, envelope.body)
        urgent = command in URGENT
        queue = world.urgent if urgent else world.safe_point
        if len(queue) >= COMMANDS_WAITING_MAX and not urgent:
            return {
                "id": envelope.id,
                "accepted": False,
                "code": Code.TOO_MANY.value,
                "detail": "too many commands are waiting",
            }
        done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        queue.append(self._carrier(envelope, done))
        world.wake.set()
        try:
            return await asyncio.wait_for(asyncio.shield(done), COMMAND_ANSWER_S)
        except TimeoutError:
            return {
                "id": envelope.id,
                "accepted": True,
                "code": "PENDING",
                "detail": "it will be carried out at the next safe point",
            }

    def _carrier(
        self, envelope: Envelope, done: asyncio.Future[dict[str, Any]]
    ) -> Callable[[], Awaitable[None]]:
        async def carry() -> None:
            self._acted(envelope)
            outcome = await self.commands.run(envelope.id, envelope.body)
            if not done.done():
                done.set_result(outcome)

        return carry

    def _acted(self, envelope: Envelope) -> None:
        """Keep the id until it expires: a copy of it is refused after a restart as well."""
        now, row = self.clock.now_ns(), "commands-seen"
        self._seen = {name: until for name, until in self._seen.items() if until >= now}
        self._seen[envelope.id] = envelope.expires_at_ns
        self.journal.put(row, self._seen)


def day_end(zone: str, hour: int) -> Callable[[int], int]:
    """The next `hour`:00 in `zone` after a time: the day boundary of an account."""
    tz = ZoneInfo(zone)

    def after(now_ns: int) -> int:
        local = dt.datetime.fromtimestamp(now_ns // NS_PER_S, tz)
        boundary = dt.datetime.combine(local.date(), dt.time(hour), tz)
        if boundary <= local:
            boundary = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(hour), tz)
        return int(boundary.timestamp()) * NS_PER_S

    return after


def _key_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return data if len(data) == 32 else bytes.fromhex(data.decode().strip())


def _ceiling(path: Path) -> ceilings.Ceiling:
    if not path.exists():
        return ceilings.Ceiling()
    try:
        ceiling = ceilings.parse(yaml.safe_load(path.read_text("utf-8")))
        unknown = tuple(
            Fault(f"limits.{name}", "is not a limit")
            for name in ceiling.limits
            if name not in limits.NAMES
        )
        if unknown:  # a mistyped limit would bind nothing
            raise TradedeckError(
                Code.INVALID_CONFIG, "the host ceiling was not valid", faults=unknown
            )
        return ceiling
    except yaml.YAMLError as error:
        raise TradedeckError(
            Code.INVALID_CONFIG,
            f"{path} is not YAML: {error}",
            hint="Correct the host ceiling; the runner does not start without reading it.",
        ) from error


def main() -> int:
    """Entry point; the exit code says whether it could serve."""
    try:
        settings = load()
        configure("runner", settings.home, log_file=settings.log_file_path)
        watch_parent()
        import uvloop

        uvloop.run(Runner(settings, dict(os.environ)).run())
    except TradedeckError as error:
        log.error("runner did not start", detail=str(error))  # noqa: TRY400 - a sentence
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
