"""The guard's core under a clock of the test's own."""

from __future__ import annotations

from typing import Any

from tradedeck.authority.people import Trusted
from tradedeck.closing.types import Kill, KillStep
from tradedeck.guard import types as t
from tradedeck.guard.core import Core
from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S

RUNNER = t.Process(100, 7)
NOBODY = t.Word(Trusted({}))  # a host that names nobody, and nothing signed


class Play:
    """A core, what it asked for, and what a journal would hold of it."""

    def __init__(self, rows: dict[str, Any] | None = None, *, armed: bool = True) -> None:
        self.rows: dict[str, Any] = dict(rows or {})
        self.mono = 1_000 * NS_PER_S
        self.wall = 1_700_000_000 * NS_PER_S
        self.ids = 0
        self.armed = armed
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self.told: list[dict[str, Any]] = []
        self.core = self._made()

    def _made(self) -> Core:
        return Core(self.rows, self.now, 60.0, self._id, armed=self.armed)

    def _id(self, _: int) -> str:
        self.ids += 1
        return f"kill_own{self.ids}"

    @property
    def now(self) -> t.Now:
        return t.Now(self.wall, self.mono)

    def restart(self) -> list[t.Output]:
        """The guard dies and comes back with its rows alone."""
        self.core = self._made()
        return self.core.resume()

    def pass_s(self, seconds: float, *, beat: bool = False, tick_s: float = 0.05) -> list[t.Output]:
        """Let time pass in ticks, with or without the runner's beats; everything asked for."""
        outputs: list[t.Output] = []
        for _ in range(round(seconds / tick_s)):
            self.mono += int(tick_s * NS_PER_S)
            self.wall += int(tick_s * NS_PER_S)
            if beat:
                outputs += self.do(t.Beat())
            outputs += self.do(t.Tick())
        return outputs

    def jump_s(self, seconds: float) -> None:
        """Time in which the guard itself did not run."""
        self.mono += int(seconds * NS_PER_S)
        self.wall += int(seconds * NS_PER_S)

    def do(self, what: t.Input) -> list[t.Output]:
        outputs = self.core.step(what, self.now)
        for output in outputs:
            if isinstance(output, t.Entry):
                self.entries.append((str(output.kind), output.body))
            elif isinstance(output, t.Row):
                if output.value is None:
                    self.rows.pop(output.name, None)
                else:
                    self.rows[output.name] = output.value
            elif isinstance(output, t.Tell) and output.frame["op"] != "heard":
                self.told.append(output.frame)
        return outputs

    def hello(
        self, process: t.Process = RUNNER, halts: dict[str, Any] | None = None, **policy: Any
    ) -> list[t.Output]:
        accounts = {"main": t.Policy(**policy)}
        return self.do(t.Hello(process, "local", accounts, halts or {}))

    def kill(
        self, name: str = "kill_a", scope: str = "all", step: KillStep = KillStep.FLATTEN,
        cells: dict[str, Any] | None = None,
    ) -> list[t.Output]:  # fmt: skip
        made = Kill(name, scope, step, step is KillStep.FLATTEN, "enough", "me", self.wall)
        return self.do(t.KillAsked(made, {"main": None} if cells is None else cells, "host"))

    def lift(
        self,
        scope: str = "all",
        code: str = "",
        *,
        local: bool = False,
        reason: str = "calm",
        name: str = "lift_1",
        word: t.Word = NOBODY,
    ) -> dict[str, Any]:
        given = None if local else word
        return answer(self.do(t.LiftAsked(name, scope, reason, "me", local, code, given)))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.entries]


def answer(outputs: list[t.Output]) -> dict[str, Any]:
    return next(output.body for output in outputs if isinstance(output, t.Answer))


def of(outputs: list[t.Output], kind: type[Any]) -> list[Any]:
    return [output for output in outputs if isinstance(output, kind)]


MS = NS_PER_MS
