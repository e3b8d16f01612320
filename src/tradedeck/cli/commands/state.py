"""Reading how things stand: status, signals, decisions, positions; and the words that stop."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import Annotated, Any, Final, TextIO

import typer

from tradedeck.cli import client
from tradedeck.cli.output import (
    AsJson,
    at,
    cell,
    confirm,
    done,
    fields,
    items,
    print_json,
    show,
    table,
)
from tradedeck.kernel.errors import Code, TradedeckError

# A watch outlives a restart of what it watches.
_PASSING: Final = frozenset({Code.UNAVAILABLE, Code.TIMEOUT})
Scope = Annotated[str, typer.Argument(help="all, account/ID or trader/ID.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")]
Trader = Annotated[str | None, typer.Option("--trader", "-t", help="Only this trader.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most so many.")]


def add(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (status, signals, decisions, positions):
        app.command(rich_help_panel="Looking")(command)
    for command in (close, flatten, halt):
        app.command(rich_help_panel="Stopping")(command)


def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second.")] = False,
) -> None:
    """Mode, accounts, traders, feeds and halts in one look."""
    if not watch:
        answer = client.get("/status")
        if as_json:
            print_json(answer)
        else:
            _status(answer)
        return
    screen = Screen(sys.stdout)
    while True:
        try:
            answer = client.get("/status")
        except TradedeckError as error:
            if as_json or error.code not in _PASSING:
                raise
            screen.says(f"No answer since {screen.seen or 'the beginning'}: {error}")
        else:
            if as_json:
                print_json(answer)
            else:
                with redirect_stdout(StringIO()) as text:
                    _status(answer)
                screen.draw(text.getvalue(), cell(answer.get("at")))
        time.sleep(1)


class Screen:
    """A page that is drawn over itself in a terminal, and page after page anywhere else."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._page = ""
        self.seen = ""  # when the newest page was true

    def draw(self, page: str, at: str) -> None:
        """Show a page, true at a time."""
        self._page, self.seen = page, at
        self._show(f"{at}, again every second; Ctrl-C ends it")

    def says(self, words: str) -> None:
        """Say something above the page that was true last."""
        self._show(words)

    def _show(self, words: str) -> None:
        lines = [words, "", *self._page.splitlines()]
        if self._out.isatty():
            # Without clearing first, so that nothing flickers; what is wider than the terminal
            # would wrap and push the page out of place.
            width, height = shutil.get_terminal_size()
            shown = [line[:width] for line in lines[: height - 1]]
            self._out.write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in shown) + "\x1b[J")
        else:
            self._out.write("\n".join(lines) + "\n\n")
        self._out.flush()


def _status(answer: dict[str, Any]) -> None:
    runner = fields(answer.get("runner"))
    desired, observed = answer.get("desired_generation"), answer.get("observed_generation")
    reasons = answer.get("mode_reasons")
    print(f"mode        {answer.get('mode')}  {cell(reasons) if reasons else ''}".rstrip())
    print(f"data        {cell(answer.get('data_mode'))}")
    print(
        f"executing   {cell(answer.get('execution_capable_accounts'))} account(s) can place orders"
    )
    age = runner.get("age_ms")
    seen = f", seen {age} ms ago" if age is not None else ""
    print(f"runner      {cell(runner.get('id'))} {cell(runner.get('state'))}{seen}")
    pending = "" if desired == observed else "  (not applied yet)"
    print(f"generation  desired {cell(desired)}, observed {cell(observed)}{pending}")
    halts = items(answer.get("halts"))
    print(f"halts       {cell([at(h, 'scope') for h in halts]) if halts else 'none'}\n")
    accounts = [
        ("ACCOUNT", "id"), ("VERDICT", "verdict"), ("EQUITY", "equity"), ("DAY P&L", "day_pnl"),
        ("UNREALISED", "unrealised"), ("DRAWDOWN", "drawdown"), ("AS OF", "as_of"),
    ]  # fmt: skip
    table(items(answer.get("accounts")), accounts, empty="No accounts.")
    print()
    traders = [
        ("TRADER", "id"), ("STATE", "state"), ("INSTRUMENT", "instrument"),
        ("STRATEGY", "strategy"), ("POSITION", "position"), ("PRICE", "price"),
        ("REALISED", "realised"), ("UNREALISED", "unrealised"), ("REASON", "reason"),
    ]  # fmt: skip
    table(items(answer.get("traders")), traders, empty="No traders.")
    print()
    feeds = [
        ("FEED", "id"), ("KIND", "kind"), ("STATE", "state"), ("CURSOR", "cursor"),
        ("SPEED", "speed"), ("AGE MS", "age_ms"),
    ]  # fmt: skip
    table(items(answer.get("feeds")), feeds, empty="No feeds.")


def signals(as_json: AsJson = False) -> None:
    """What each strategy would do now."""
    columns = [
        ("TRADER", "trader"), ("STRATEGY", "strategy"), ("TIME", "time"), ("PRICE", "price"),
        ("TARGET", "signal.target"), ("REASON", "signal.reason"), ("VERDICT", "verdict"),
    ]  # fmt: skip
    show(client.get("/signals"), as_json=as_json, columns=columns, empty="No signal yet.")


def decisions(
    trader: Trader = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Why a trader did, or did not, trade: inputs, signal, and each limit it was held against."""
    answer = client.get("/decisions", trader=trader, limit=limit)
    if as_json:
        print_json(answer)
        return
    columns = [
        ("TIME", "time"), ("TRADER", "trader"), ("PRICE", "price"), ("SIGNAL", "signal"),
        ("POSITION", "position"), ("VERDICT", "verdict"), ("INPUTS", "inputs"),
        ("REFUSALS", "refusals"),
    ]  # fmt: skip
    show(answer, as_json=False, columns=columns, empty="No decision yet.")


def positions(as_json: AsJson = False) -> None:
    """Open positions."""
    columns = [
        ("ACCOUNT", "account"), ("INSTRUMENT", "instrument"), ("TRADER", "trader"),
        ("QUANTITY", "quantity"), ("AVERAGE", "average_price"), ("PRICE", "price"),
        ("UNREALISED", "unrealised"), ("REALISED", "realised"), ("OPENED", "opened"),
    ]  # fmt: skip
    show(client.get("/positions"), as_json=as_json, columns=columns, empty="Flat.")


def close(account: str, instrument: str, yes: Yes = False, as_json: AsJson = False) -> None:
    """Close one position. Works while halted."""
    confirm(f"Close {instrument} on {account}?", yes=yes)
    body = {"account": account, "instrument": instrument}
    done("The close was sent.", client.post("/positions/close", body), as_json=as_json)


def flatten(scope: Scope = "all", yes: Yes = False, as_json: AsJson = False) -> None:
    """Pause entries, cancel every order and close every position in the scope."""
    confirm(f"Flatten {scope}?", yes=yes)
    answer = client.post("/flatten", {"scope": scope})
    done(f"Flatten of {scope} was sent.", answer, as_json=as_json)


def halt(
    scope: Scope = "all",
    level: Annotated[
        str, typer.Option("--level", "-l", help="pause, reduce_only or halted.")
    ] = "halted",
    reason: Reason = "from the command line",
    as_json: AsJson = False,
) -> None:
    """Stop entries in the scope; latched until it is lifted."""
    body = {"scope": scope, "level": level, "reason": reason}
    done(f"{scope} is set to {level}.", client.post("/halts", body), as_json=as_json)
