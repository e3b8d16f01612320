"""Keeps the runner level with desired state: pulls, verifies, keeps a file, offers hand edits.

Level-triggered: it asks on a hint and every few seconds, and takes the newest. The copy on disk
boots the next start; what a person writes into it is a proposal, never a fact.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol, cast

from tradedeck.authority.envelope import Envelope, Verifier
from tradedeck.desired import parse, rules
from tradedeck.desired.ports import StrategyCatalogue
from tradedeck.journal.atomic import write_atomic
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.runner.configure import Configurator
from tradedeck.runner.step import Stepper
from tradedeck.runner.world import World
from tradedeck.trading.facts import Kind

REQUEST_TIMEOUT_S = 2.0
FILE_CHECK_S = 1.0
FIRST_RETRY_S = 0.1
_UNTRUSTED = frozenset(
    {
        Code.BAD_SIGNATURE,
        Code.EXPIRED,
        Code.INVALID,
        Code.MISADDRESSED,
        Code.REPLAYED,
    }
)


class Wire(Protocol):
    """What is needed of the bus."""

    async def request(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> Any:
        """Ask and decode."""
        ...

    async def request_bytes(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> bytes:
        """Ask; the answer as it came."""
        ...


class DesiredSync:
    """Brings desired versions to a safe point, and the file `config.yaml` to what is applied."""

    def __init__(
        self,
        world: World,
        configurator: Configurator,
        stepper: Stepper,
        wire: Wire,
        verifier: Verifier,
        catalogue: StrategyCatalogue,
        path: Path,
    ) -> None:
        self._world = world
        self._configurator = configurator
        self._stepper = stepper
        self._wire = wire
        self._verifier = verifier
        self._catalogue = catalogue
        self._path = path
        self._written = b""
        self._refused_generation = 0
        self._edited = False
        self.hinted = asyncio.Event()

    # -- down ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Pull for ever: on a hint, and every few seconds."""
        while True:
            try:
                await self._pull()
            except TradedeckError as error:
                self._world.condition(
                    "runner", "DesiredReachable", "Unknown", error.code.value, error.detail
                )
            try:
                await asyncio.wait_for(self.hinted.wait(), self._world.tuning.desired_every_s)
            except TimeoutError:
                continue
            self.hinted.clear()

    async def first(self, wait_s: float) -> tuple[dict[str, Any], int] | None:
        """The newest version, for a host that has no copy yet; None when nobody answers in time.

        Without this an armed host would trade the defaults until the first pull.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        while asyncio.get_running_loop().time() < deadline:
            try:
                envelope = await self._fetch()
                if envelope is None:
                    return None
                document = rules.read(envelope.body["document"], self._catalogue).plain()
            except TradedeckError as error:
                self._world.log.info("waiting for desired state", reason=error.detail)
                await asyncio.sleep(FIRST_RETRY_S)
                continue
            return document, int(envelope.body["generation"])
        return None

    async def _pull(self) -> None:
        world = self._world
        try:
            envelope = await self._fetch()
        except TradedeckError as error:
            if error.code not in _UNTRUSTED:
                raise
            world.sink.alarm(
                "DESIRED_REFUSED", f"desired state was ignored: {error.detail}", "critical"
            )
            return
        world.condition("runner", "DesiredReachable", "True", "CURRENT")
        if envelope is not None:
            await self._offer_version(envelope)

    async def _fetch(self) -> Envelope | None:
        """The newest version, verified; None where this host has it already."""
        world = self._world
        answer = await self._wire.request_bytes(
            "desired.get",
            {"runner": world.runner, "generation": world.generation},
            timeout_s=REQUEST_TIMEOUT_S,
        )
        plain = canonical.decode(answer)
        fields = cast("dict[str, Any]", plain) if isinstance(plain, dict) else {}
        if "error" in fields:
            raise TradedeckError(Code.UNAVAILABLE, f"the api answered: {fields['error']}")
        if fields.get("unchanged"):
            return None
        return self._verifier.open(answer, kind="desired", now_ns=world.clock.now_ns(), once=False)

    async def _offer_version(self, envelope: Envelope) -> None:
        world = self._world
        generation, document = int(envelope.body["generation"]), envelope.body["document"]
        if generation in (world.generation, self._refused_generation):
            return
        if generation < world.generation:
            world.sink.alarm(
                "DESIRED_OLD",
                f"generation {generation} is older than {world.generation}; it was ignored",
                "critical",
            )
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        world.safe_point.append(lambda: self._take(document, generation, done))
        world.wake.set()
        await done

    async def _take(
        self, document: dict[str, Any], generation: int, done: asyncio.Future[None]
    ) -> None:
        try:
            await self.take(document, generation)
        finally:
            if not done.done():
                done.set_result(None)

    async def take(self, document: dict[str, Any], generation: int) -> bool:
        """At a safe point: check, apply whole or refuse whole, keep the file."""
        world = self._world
        try:
            valid = rules.read(document, self._catalogue).plain()
            actions = self._configurator.apply(valid, generation)
        except TradedeckError as error:
            self._refused_generation = generation
            fault = error.faults[0] if error.faults else None
            world.fact(
                Kind.CONFIG_REFUSED,
                {
                    "generation": generation,
                    "path": fault.path if fault else "",
                    "code": error.code.value,
                    "detail": str(error)[:500],
                },
            )
            world.condition(
                "runner",
                "ConfigurationApplied",
                "False",
                error.code.value,
                f"generation {generation}: {error.detail}",
            )
            world.log.warning("configuration refused", generation=generation, detail=str(error))
            world.commit()
            return False
        world.commit()
        self.keep_file(valid, generation)
        world.commit()
        await self._stepper.carry_out(actions)
        await self._stepper.wait({asyncio.create_task(self._configurator.settled())})
        world.commit()
        return True

    # -- the file ------------------------------------------------------------------------------

    def keep_file(self, document: dict[str, Any], generation: int) -> None:
        """Write the copy that the next start boots from, the old one beside it."""
        head = (
            f"# Desired state, generation {generation}. Written by the runner; an edit here is "
            "a proposal:\n# it is checked, versioned and attributed, or refused beside as "
            "config.rejected.yaml.\n"
        )
        data = (head + parse.dump(document)).encode()
        if not self._path.exists() or self._path.read_bytes() != data:
            write_atomic(self._path, data, backup=True)
        self._own(data)

    def _own(self, data: bytes) -> None:
        """Remember what we wrote, so that only another's edit is taken for one."""
        self._written = data
        self._world.journal.put("config-file", {"digest": canonical.digest(data)})

    def boot_document(self) -> dict[str, Any] | None:
        """What was in force last, else (an empty journal) the file, else its backup.

        A file that was edited meanwhile is a proposal like any other: `watch_file` offers it.
        """
        kept = self._world.journal.get("desired")
        if kept is not None:
            own = self._world.journal.get("config-file") or {"digest": ""}
            data = self._path.read_bytes() if self._path.exists() else b""
            if data and canonical.digest(data) != own["digest"]:
                self._edited = True
            return kept["document"]
        for path in (self._path, self._path.with_name("config.yaml.bak")):
            if not path.exists():
                continue
            try:
                data = path.read_bytes()
                document = rules.read(parse.parse(data), self._catalogue).plain()
            except TradedeckError as error:
                self._world.log.warning(
                    "configuration file refused", file=path.name, detail=str(error)
                )
                self._world.sink.alarm("CONFIG_FILE_REFUSED", f"{path.name}: {error}", "warning")
                continue
            self._written = data
            return document
        return None

    def boot_file(self, generation: int) -> None:
        """Write the file anew, unless somebody edited it while this runner was down."""
        if generation and not self._edited:
            self.keep_file(self._world.document, generation)

    async def watch_file(self) -> None:
        """Offer hand edits for ever."""
        while True:
            await asyncio.sleep(FILE_CHECK_S)
            try:
                data = self._path.read_bytes() if self._path.exists() else b""
                if data != self._written:
                    await self._offer(data)
            except (OSError, TradedeckError) as error:
                self._world.log.warning("hand edit not offered yet", detail=str(error))

    async def _offer(self, data: bytes) -> None:
        """A hand edit: proposed to the api when valid, refused beside the file when not."""
        world = self._world
        if not data:
            self._refuse(data, "FILE_MISSING", "", "the file was removed")
            return
        try:
            document = rules.read(parse.parse(data), self._catalogue).plain()
        except TradedeckError as error:
            fault = error.faults[0] if error.faults else None
            self._refuse(data, error.code.value, fault.path if fault else "", str(error))
            return
        if document == world.document:
            self._written = data
            return
        answer = await self._wire.request(
            "desired.propose",
            {
                "runner": world.runner,
                "document": document,
                "base_generation": world.generation,
                "digest": canonical.digest(data),
            },
            timeout_s=REQUEST_TIMEOUT_S,
        )
        if answer.get("accepted"):
            self._written = data
            world.log.info("hand edit accepted", generation=answer.get("generation"))
            self.hinted.set()
            return
        self._refuse(
            data,
            str(answer.get("code") or Code.REFUSED.value),
            "",
            str(answer.get("detail") or "the control plane refused it"),
        )

    def _refuse(self, data: bytes, code: str, path: str, detail: str) -> None:
        """Keep what was written beside the file, write the file again, and say why."""
        world = self._world
        if data:
            write_atomic(self._path.with_name("config.rejected.yaml"), data)
        world.fact(
            Kind.CONFIG_REFUSED,
            {
                "generation": world.generation,
                "path": path,
                "code": code,
                "detail": f"hand edit: {detail}"[:500],
            },
        )
        world.log.warning("hand edit refused", code=code, detail=detail[:300])
        self._written = b""
        self.keep_file(world.document, world.generation)
        world.commit()
