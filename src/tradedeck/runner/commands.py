"""What people ask of a runner, after the envelope was verified. Each at most once, each with an
outcome in the journal.

Stopping commands are urgent: they run even while a strategy is being waited for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from tradedeck.closing.scope import Cells
from tradedeck.closing.types import Kill
from tradedeck.engine.actions import Action
from tradedeck.execution.halt import Level, check_scope, level
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.runner.hosts import HostFailed
from tradedeck.runner.lifecycle import Lifecycle
from tradedeck.runner.look import look
from tradedeck.runner.preview import Drafts
from tradedeck.runner.step import Stepper
from tradedeck.runner.world import Account, Trader, World
from tradedeck.trading.facts import Kind

URGENT = frozenset({"flatten", "position.close", "order.cancel", "orders.cancel"})
# Need no venue: carried out when they come, even while the loop waits for one that is frozen.
IMMEDIATE = frozenset({"kill", "halt.set", "trader.pause"})
# Asked by pages as often as they are looked at: an answer changes nothing and is no fact.
QUESTIONS = frozenset({"signals.preview", "memory.get", "venue.book"})
Handler = Callable[[dict[str, Any], str], Awaitable[Any]]


def _reply(name: str, outcome: str, code: str, detail: str, result: Any) -> dict[str, Any]:
    return {
        "id": name,
        "accepted": outcome == "done",
        "code": code,
        "detail": detail,
        "result": result,
    }


class Commands:
    """Carries out commands on a world."""

    def __init__(self, world: World, lifecycle: Lifecycle, stepper: Stepper) -> None:
        self._world = world
        self._lifecycle = lifecycle
        self._stepper = stepper
        self._drafts = Drafts(world)
        self._handlers: dict[str, Handler] = {
            "trader.start": self._start,
            "trader.pause": self._pause,
            "trader.resume": self._resume,
            "trader.stop": self._stop,
            "trader.restart": self._start,
            "order.cancel": self._cancel_one,
            "orders.cancel": self._cancel_many,
            "position.close": self._close,
            "flatten": self._flatten,
            "kill": self._kill,
            "halt.set": self._halt,
            "halt.clear": self._clear,
            "replay.set": self._replay,
            "signals.preview": self._preview,
            "memory.get": self._memory,
            "venue.book": self._venue_book,
        }

    async def run(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; the answer and the journal say the same."""
        command = str(body.get("command"))
        args: Any = body.get("args") or {}
        by = str(body.get("by") or "unknown")
        outcome, code, detail, result = "done", "DONE", "", None
        handler = self._handlers.get(command)
        try:
            if handler is None or not isinstance(args, dict):
                raise TradedeckError(Code.INVALID, f"there is no command {command!r}")
            result = await handler(cast("dict[str, Any]", args), by)
        except TradedeckError as error:
            outcome, code, detail = "refused", error.code.value, str(error)
        except (KeyError, TypeError, ValueError) as error:
            outcome, code, detail = (
                "refused",
                Code.INVALID.value,
                f"{type(error).__name__}: {error}",
            )
        if command in QUESTIONS and outcome == "done":
            return _reply(name, outcome, code, detail, result)
        self._world.fact(
            Kind.COMMAND_DONE,
            {
                "id": name,
                "command": command,
                "args": args,
                "outcome": outcome,
                "code": code,
                "detail": detail[:500],
                "by": by,
                "audit": body.get("audit"),
            },
        )
        self._world.log.info("command", command=command, outcome=outcome, by=by, detail=detail)
        self._stepper.save()
        self._world.commit(reducing=command in IMMEDIATE)
        return _reply(name, outcome, code, detail, result)

    async def _memory(self, args: dict[str, Any], _by: str) -> dict[str, Any]:
        plan = self._trader(args).plan
        return {
            "strategy": plan.strategy,
            "memory": self._world.journal.get(f"memory/{plan.id}/{plan.strategy}"),
        }

    async def _venue_book(self, _args: dict[str, Any], _by: str) -> dict[str, Any]:
        return await look(self._world)

    # -- traders -------------------------------------------------------------------------------

    def _trader(self, args: dict[str, Any]) -> Trader:
        trader = self._world.traders.get(str(args["trader"]))
        if trader is None:
            raise TradedeckError(Code.NOT_FOUND, f"there is no trader {args['trader']!r} here")
        return trader

    async def _start(self, args: dict[str, Any], by: str) -> None:
        trader = self._trader(args)
        self._lifecycle.forget_faults(trader)
        self._lifecycle.release(trader)
        await self._stepper.wait({self._lifecycle.load(trader, f"started by {by}")})

    async def _pause(self, args: dict[str, Any], by: str) -> None:
        self._lifecycle.pause(self._trader(args), f"paused by {by}")

    async def _resume(self, args: dict[str, Any], by: str) -> None:
        trader = self._trader(args)
        if not trader.loaded:
            raise TradedeckError(
                Code.CONFLICT, f"{trader.plan.id} is {trader.state.value}", hint="Start it first."
            )
        self._lifecycle.resume(trader, f"resumed by {by}")

    async def _stop(self, args: dict[str, Any], by: str) -> None:
        trader = self._trader(args)
        await self._send(self._lifecycle.stop(trader, f"stopped by {by}"))
        stops, scope = self._world.stops, f"trader/{trader.plan.id}"
        if args.get("close") and stops is not None:
            await self._closed(scope, stops.cells(scope), by)

    async def _preview(self, args: dict[str, Any], _by: str) -> dict[str, Any]:
        if "draft" in args:
            return await self._drafts.preview(args["draft"])
        trader = self._trader(args)
        if not trader.loaded or trader.last_bar is None:
            raise TradedeckError(
                Code.CONFLICT,
                f"{trader.plan.id} has seen no bar yet",
                hint="Start it, and wait for the first bar.",
            )
        try:
            reply = await self._stepper.ask(trader, "preview", bar=trader.last_bar.to_list())
        except HostFailed as failure:
            self._lifecycle.host_failed(trader, failure)
            raise TradedeckError(Code.STRATEGY, failure.detail) from failure
        return {
            "wishes": reply["wishes"],
            "inputs": reply["inputs"],
            "bar_end_ns": trader.last_bar.end_ns,
            "price": trader.last_bar.close,
        }

    # -- orders and positions ------------------------------------------------------------------

    async def _send(self, actions: list[Action]) -> int:
        await self._stepper.carry_out(actions)
        return len(actions)

    def _accounts(self, name: str | None) -> list[Account]:
        if name is None:
            return list(self._world.accounts.values())
        account = self._world.accounts.get(name)
        if account is None:
            raise TradedeckError(Code.NOT_FOUND, f"there is no account {name!r} here")
        return [account]

    async def _cancel_one(self, args: dict[str, Any], by: str) -> int:
        wanted = str(args["order"])
        for account in self._world.accounts.values():
            for order in account.engine.book.orders.values():
                if wanted in (order.id, order.client_id):
                    return await self._send(account.engine.cancel([order], by=by))
        raise TradedeckError(Code.NOT_FOUND, f"order {wanted} is not open")

    async def _cancel_many(self, args: dict[str, Any], by: str) -> int:
        actions: list[Action] = []
        for account in self._accounts(args.get("account")):
            orders = [
                order
                for order in account.engine.book.orders.values()
                if args.get("trader") in (None, order.trader)
                and args.get("instrument") in (None, order.instrument)
            ]
            actions += account.engine.cancel(orders, by=by)
        return await self._send(actions)

    async def _close(self, args: dict[str, Any], by: str) -> dict[str, Any]:
        account, symbol = self._accounts(str(args["account"]))[0], str(args["instrument"])
        if not account.engine.book.held(symbol):
            raise TradedeckError(Code.CONFLICT, f"nothing is held in {symbol}")
        name = account.plan.id
        return await self._closed(f"position/{name}/{symbol}", {name: frozenset({symbol})}, by)

    async def _flatten(self, args: dict[str, Any], by: str) -> dict[str, Any]:
        """Pause entries, cancel, close: in one decision, for exactly the scope; the scopes of a
        kill, which this is but for its latch: that is a pause.
        """
        stops = self._world.stops
        assert stops is not None
        scope = check_scope(str(args["scope"]))
        self._latch(scope, Level.PAUSE, f"flatten by {by}", by)
        return await self._closed(scope, stops.cells(scope), by)

    async def _closed(self, what: str, found: Cells, by: str) -> dict[str, Any]:
        """Begun, durable, and carried as far as the venue answers at once; the rest follows."""
        stops = self._world.stops
        assert stops is not None
        name, accounts = stops.close(what, found, by)
        await stops.pump()
        return {"id": name, "accounts": accounts}

    # -- halts ---------------------------------------------------------------------------------

    def _latch(self, scope: str, at: Level, reason: str, by: str) -> None:
        if self._world.latch(scope, at, reason=reason, by=by):
            self._world.commit(reducing=True)

    async def _kill(self, args: dict[str, Any], by: str) -> dict[str, Any]:
        """One decision, latched before it is answered; what is left of it is closed in turns."""
        stops = self._world.stops
        assert stops is not None
        kill = Kill.from_body({**args, "by": args.get("by") or by})
        return {"id": kill.id, "accounts": stops.kill(kill)}

    async def _halt(self, args: dict[str, Any], by: str) -> None:
        self._latch(
            str(args["scope"]),
            level(str(args.get("level", "pause"))),
            str(args.get("reason") or "no reason given")[:500],
            by,
        )

    async def _clear(self, args: dict[str, Any], _by: str) -> None:
        """Never from the wire, guard or no guard: whoever holds the api's key lifts nothing."""
        scope = check_scope(str(args["scope"]))
        raise TradedeckError(
            Code.FORBIDDEN,
            "only the guard of this host lifts a halt",
            hint=f"On the host: `tradedeck lift {scope} --local --reason …`, with a guard running.",
        )

    # -- replay --------------------------------------------------------------------------------

    async def _replay(self, args: dict[str, Any], _by: str) -> None:
        run = self._world.feeds.get(str(args["feed"]))
        if run is None:
            raise TradedeckError(Code.NOT_FOUND, f"there is no feed {args['feed']!r} here")
        feed: Any = run.feed
        if not hasattr(feed, "seek"):
            raise TradedeckError(Code.CONFLICT, f"{run.feed.id} is not a replay")
        now = self._world.clock.now_ns()
        if args.get("speed") is not None:
            feed.set_speed(float(args["speed"]), now)
        if args.get("seek") is not None:
            feed.seek(parse_ns(str(args["seek"])))
        if args.get("paused") is True:
            feed.pause()
        elif args.get("paused") is False:
            feed.resume(now)
        if args.get("step") is not None:
            feed.step(int(args["step"]))
        self._lifecycle.keep_cursor(run)
        self._world.wake.set()
