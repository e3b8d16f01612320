"""A kill from here: sent to guard and runner at once, whatever else fails.

It waits for no limit, no second person and no code, and not for the store either: its record is
written while it goes out. Who has latched it is part of the answer. What neither has
taken is sent again until one does; the same id makes that harmless.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, Final

import structlog

from tradedeck.api import guardline
from tradedeck.api.context import Context
from tradedeck.api.decided import Heard, Sent
from tradedeck.api.pull import announce
from tradedeck.audit import service as audit_service
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.authority.envelope import seal
from tradedeck.closing.types import Kill, KillStep
from tradedeck.identity.types import Actor
from tradedeck.kernel.canonical import digest
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.projections.apply import append_own
from tradedeck.projections.stop import KILL_SENT
from tradedeck.projections.types import Event
from tradedeck.readmodels import stop
from tradedeck.readmodels.parts import mapping
from tradedeck.store.sessions import WriteSession

ASK_S: Final = 2.0
LOOK_S: Final = 0.1  # what the look for a known key may delay a kill by
NOTE_S: Final = 0.5  # and the records its answer
AGAIN_S: Final = 1.0
AGAIN_NS: Final = 600 * NS_PER_S  # older ones were seen to by somebody on the host
TTL_NS: Final = 10 * NS_PER_S
_ID = re.compile(r"^kill_[A-Za-z0-9]{8,60}$")
log = structlog.get_logger(__name__)


def id_of(actor: Actor, key: str | None, now_ns: int) -> str:
    """The id of a kill: the key itself where it is one, made from it where it is another word."""
    if key is None:
        return new_id("kill", now_ns)
    if _ID.match(key):
        return key
    return f"kill_{digest(f'{actor.via}|{actor.credential}|{key}'.encode())[:26]}"


async def decide(context: Context, actor: Actor, wish: dict[str, Any], key: str | None) -> Kill:
    """The decision of this request; the same one again for the same key.

    Raises:
        TradedeckError: INVALID, the key was used for another decision; NOT_FOUND without a runner.
    """
    _ = context.runner  # a tenant without one has nothing that could be stopped
    now = context.clock.now_ns()
    name = id_of(actor, key, now)
    kill = Kill(
        name,
        wish["scope"],
        KillStep(wish["step"]),
        wish["flatten"],
        wish["reason"] or "no reason given",
        actor.name,
        now,
    )
    known = context.kills.recent.get(name)
    if known is None and key is not None:
        known = await _kept(context, name)
    if known is None:
        context.kills.remember(kill)
        return kill
    if (known.scope, known.step, known.flatten) != (kill.scope, kill.step, kill.flatten):
        raise TradedeckError(
            Code.INVALID,
            "This Idempotency-Key was used for another kill.",
            hint="A new decision takes a new key.",
        )
    return known


async def _kept(context: Context, name: str) -> Kill | None:
    try:
        async with asyncio.timeout(LOOK_S):
            row = await context.store.read(lambda read: stop.decision(read, name))
    except (TradedeckError, TimeoutError):  # a store that fails must not keep anybody from stopping
        return None
    return None if row is None else Kill.from_body(row)


async def send(context: Context, actor: Actor, kill: Kill) -> Sent:
    """Have guard and runner latch it; raises UNAVAILABLE or TIMEOUT when neither says it did.

    The same kill asked for many times at once is sent once; an asker that goes away stops nothing.
    """
    task = context.kills.sending.get(kill.id)
    if task is None:
        task = asyncio.create_task(_send(context, actor, kill))
        context.kills.sending[kill.id] = task
        task.add_done_callback(lambda _: context.kills.sending.pop(kill.id, None))
    return await asyncio.shield(task)


async def _send(context: Context, actor: Actor, kill: Kill) -> Sent:
    who, correlation = actor.who(), new_id("act", context.clock.now_ns())
    started = _act(kill, who, Result.STARTED, correlation)
    recording = asyncio.ensure_future(_within(context, NOTE_S, context.audit(started), kill))
    sent = await _both(context, kill, correlation)
    if not sent.latched:
        context.kills.unanswered[kill.id] = kill
    if not await recording:
        sent = replace(sent, audit_id="")
    await _within(context, NOTE_S, _note(context, sent, who, correlation), kill)
    if not sent.latched:
        raise _nobody(sent)
    return sent


async def _both(context: Context, kill: Kill, audit_id: str) -> Sent:
    guard, runner = await asyncio.gather(
        _heard(guardline.kill(context, kill.to_body(), timeout_s=ASK_S)),
        _heard(_ask_runner(context, kill, audit_id)),
    )
    return Sent(kill, guard, runner, audit_id)


async def _heard(asked: Awaitable[str]) -> Heard:
    """What one of the two said; `asked` gives words about the way it was taken, where there are."""
    began = time.perf_counter()
    code, detail = "", ""
    try:
        detail = await asked
    except TradedeckError as error:
        code, detail = error.code.value, error.detail
    return Heard(not code, code, detail, round((time.perf_counter() - began) * 1000, 1))


async def _ask_runner(context: Context, kill: Kill, audit_id: str) -> str:
    runner = context.runner
    body = {"command": "kill", "args": kill.to_body(), "by": kill.by, "audit": audit_id}
    now = context.clock.now_ns()
    data = seal(context.key, kind="command", target=runner, body=body, now_ns=now, ttl_ns=TTL_NS)
    reply = mapping(await context.bus.request(f"cmd.{runner}", data, timeout_s=ASK_S))
    if reply.get("accepted") is not True or reply.get("code") == "PENDING":
        given = str(reply.get("code"))
        code = Code(given) if given in Code.__members__ else Code.REFUSED
        raise TradedeckError(code, str(reply.get("detail") or "The runner did not latch it."))
    return ""


async def _within(context: Context, seconds: float, work: Awaitable[Any], kill: Kill) -> bool:
    """Whether `work` on the store was done in time; it goes on where it was not."""
    task = asyncio.ensure_future(work)
    context.kills.notes.add(task)
    task.add_done_callback(context.kills.notes.discard)
    task.add_done_callback(_looked_at)
    done, _ = await asyncio.wait((task,), timeout=seconds)
    if done and task.exception() is None:
        return True
    log.error("a kill went out without its record", kill=kill.id, scope=kill.scope, by=kill.by)
    return False


def _looked_at(task: asyncio.Future[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the record of a kill was not written", reason=str(task.exception()))


async def _note(context: Context, sent: Sent, who: Who, correlation: str) -> None:
    """In the store too: the latch, who has it, and the end of the act."""
    now = context.clock.now_ns()
    body = {
        **sent.kill.to_body(),
        "latched": sent.latched,
        "guard": _said(sent.guard),
        "runner": _said(sent.runner),
    }
    ended = _act(sent.kill, who, Result.DONE if sent.latched else Result.FAILED, correlation)

    def work(write: WriteSession) -> Event:
        audit_service.append(write, ended, now_ns=now)
        return append_own(write, KILL_SENT, body, now)

    event = await context.store.write(work)
    announce(context, [event])


def _said(heard: Heard) -> dict[str, Any]:
    return {"latched": heard.latched, "code": heard.code, "detail": heard.detail[:500]}


def _act(kill: Kill, who: Who, result: Result, correlation: str) -> Act:
    return Act(
        Action.KILL_SEND,
        who,
        kill.scope,
        result,
        "" if result is not Result.FAILED else Code.UNAVAILABLE.value,
        kill.reason,
        after=kill.to_body(),
        correlation=correlation,
    )


def _nobody(sent: Sent) -> TradedeckError:
    lost = Code.TIMEOUT.value in (sent.guard.code, sent.runner.code)
    command = f"tradedeck kill {sent.kill.scope} --step {sent.kill.step} --local"
    return TradedeckError(
        Code.TIMEOUT if lost else Code.UNAVAILABLE,
        f"Neither guard nor runner says that it has the kill {sent.kill.id}. Guard: "
        f"{sent.guard.detail} Runner: {sent.runner.detail} It is sent again every second.",
        hint=f"Do not wait for it: on the trading host run `{command}`.",
    )


async def again(context: Context) -> None:
    """The loop that sends what nobody has taken; what is left from before a restart as well."""
    since = context.clock.now_ns() - AGAIN_NS
    for body in await context.store.read(lambda read: stop.unanswered(read, since)):
        kill = Kill.from_body(body)
        context.kills.remember(kill)
        context.kills.unanswered.setdefault(kill.id, kill)
    while not context.closing.is_set():
        for kill in list(context.kills.unanswered.values()):
            await _again(context, kill)
        await asyncio.sleep(AGAIN_S)


async def _again(context: Context, kill: Kill) -> None:
    if context.clock.now_ns() - kill.at_ns > AGAIN_NS:
        log.error("a kill was taken by nobody and is given up", kill=kill.id, scope=kill.scope)
        del context.kills.unanswered[kill.id]
        return
    sent = await _both(context, kill, "")
    if not sent.latched:
        return
    context.kills.unanswered.pop(kill.id, None)
    log.warning("a kill was taken late", kill=kill.id, latched=sent.latched)
    who = Who(kill.by, "", "", "sent again by the api")
    await _within(context, NOTE_S, _note(context, sent, who, ""), kill)
