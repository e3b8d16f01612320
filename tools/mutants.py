"""Removes each control in turn and demands that a named test fails: a test that cannot fail is a
defect.

Each mutant is one change to a copy of `src`; its tests run against that copy. The unchanged copy
must pass them first. Usage: python tools/mutants.py [--list] [part of a mutant's name …]
Exit code 1 when a mutant lives, 2 when a mutant's text is no longer in the source (which `--list`
finds without running anything).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mutants_acts
import mutants_audit
import mutants_cases
import mutants_closing
import mutants_control
import mutants_guard
import mutants_people
import mutants_processes
import mutants_tenants

ROOT = Path(__file__).resolve().parents[1]
GATE = "tests/execution/test_gate.py"
ENGINE = "tests/cases/test_engine_cases.py"
VENUE = "tests/venue/test_matching.py"


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; `tests` (a file and a -k expression) must then fail."""

    name: str
    file: str
    old: str
    new: str
    test: str
    match: str


def _control(limit: str, function: str, match: str) -> Mutant:
    return Mutant(
        f"control {limit}", "execution/checks.py", f'    "{limit}": {function},\n', "", GATE, match
    )


def _standing(name: str, condition: str, match: str) -> Mutant:
    return Mutant(
        f"gate {name}",
        "execution/gate.py",
        f"    if {condition}:\n",
        "    if False:\n",
        GATE,
        match,
    )


def _form(name: str, old: str, match: str) -> Mutant:
    return Mutant(f"form {name}", "execution/gate.py", old, "if False:", GATE, match)


CONTROLS = [
    _control("order_quantity_max", "order_quantity", "ORDER_QUANTITY_LIMIT"),
    _control("order_value_max", "order_value", "ORDER_VALUE_LIMIT"),
    _control("price_collar", "price_collar", "PRICE_COLLAR"),
    _control("orders_per_minute", "orders_per_minute", "ORDER_RATE_LIMIT"),
    _control("duplicate_window_s", "duplicate", "ORDER_DUPLICATE"),
    _control("open_orders_max", "open_orders", "ORDERS_OPEN_LIMIT"),
    _control("position_quantity_max", "position_quantity", "POSITION_QUANTITY_LIMIT"),
    _control("position_value_max", "position_value", "POSITION_VALUE_LIMIT"),
    _control("gross_exposure_max", "gross_exposure", "EXPOSURE_LIMIT"),
    _control("concentration_max", "concentration", "CONCENTRATION_LIMIT"),
    _control("margin_use_max", "margin_use", "MARGIN_LIMIT"),
    _control("risk_per_trade_max", "risk_per_trade", "RISK_PER_TRADE_LIMIT"),
]
LINES = [
    _standing("mode", "conditions.mode not in EXECUTING", "MODE or inv_1"),
    _standing("halt", "conditions.halt is not NO_HALT", "HALT"),
    _standing("running", "not conditions.running", "TRADER_NOT_RUNNING"),
    _standing("session", "not conditions.session_open", "SESSION_CLOSED"),
    _standing("data", "not conditions.data_fresh", "DATA_STALE"),
    _standing("venue", "not conditions.venue_ready", "VENUE_UNAVAILABLE"),
    Mutant(
        "gate mark",
        "execution/gate.py",
        "if not (price.is_finite() and price > ZERO):",
        "if False:",
        GATE,
        "mark",
    ),
    _form("currency", "if instrument.currency != currency:", "INSTRUMENT_CURRENCY"),
    _form("step", "if not instrument.on_step(order.quantity):", "QUANTITY_STEP"),
    _form("price", "if price is None or price <= 0:", "PRICE_INVALID"),
    _form("tick", "if not instrument.on_tick(price):", "PRICE_TICK"),
    Mutant(
        "form quantity",
        "execution/gate.py",
        "if order.quantity <= ZERO:\n        return Denial(Refusal.QUANTITY_INVALID, "
        '{"quantity": decimal_text(order.quantity)})\n    if not instrument',
        "if not instrument",
        GATE,
        "QUANTITY_INVALID",
    ),
    Mutant(
        "a check that raises",
        "execution/gate.py",
        'return Denial(Refusal.CHECK_FAILED, {"error": f"{type(error).__name__}: {error}"})',
        "return Permit(order.id)",
        GATE,
        "inv_10 or CHECK_FAILED",
    ),
]
REST = [
    Mutant(
        "permit used twice",
        "venue/permit.py",
        "if self.spent or order != self.order:",
        "if False:",
        GATE,
        "inv_1",
    ),
    Mutant(
        "full margin",
        "execution/checks.py",
        "value = FULL_MARGIN",
        "pass",
        GATE,
        "full-margin",
    ),
    Mutant(
        "reduce-only at the engine",
        "engine/account.py",
        "order.quantity = min(order.quantity, abs(held))",
        "pass",
        ENGINE,
        "eng_3",
    ),
    Mutant(
        "reduce-only at the venue",
        "venue/matching.py",
        "wanted = min(wanted, self._held(order))",
        "pass",
        VENUE,
        "eng_3",
    ),
    Mutant(
        "late fills after a flatten",
        "engine/account.py",
        "self._close_late(order, actions)",
        "pass",
        ENGINE,
        "eng_14",
    ),
    Mutant(
        "client ids",
        "venue/matching.py",
        "self._seen.add(client_id)",
        "pass",
        VENUE,
        "inv_3",
    ),
    Mutant(
        "partial fills are kept",
        "venue/matching.py",
        "            self._changed(entry)\n        self._moved",
        "            pass\n        self._moved",
        VENUE,
        "eng_7",
    ),
    Mutant(
        "no price is no mark",
        "engine/account.py",
        "if not 0.0 < close < _INFINITE:",
        "if False:",
        ENGINE,
        "inv_10_a_price",
    ),
    Mutant(
        "the ceiling tightens",
        "authority/ceiling.py",
        "tighter(wanted, bound)",
        "wanted",
        "tests/authority/test_ceiling.py",
        "",
    ),
    Mutant(
        "signatures",
        "authority/envelope.py",
        "if not self._key.verify(signature, canonical.encode(fields)):",
        "if False:",
        "tests/authority/test_envelope.py",
        "forged",
    ),
    Mutant(
        "replays",
        "authority/envelope.py",
        "if envelope.id in self._seen:",
        "if False:",
        "tests/authority/test_envelope.py",
        "replay",
    ),
    Mutant(
        "the journal's chain",
        "journal/chain.py",
        "if previous != entry.hash:",
        "if False:",
        "tests/journal/test_journal.py",
        "inv_13",
    ),
]
PROCESSES = [Mutant(*control) for control in mutants_processes.CONTROLS]
CLOSING = [Mutant(*control) for control in mutants_closing.CONTROLS]
GUARD = [Mutant(*control) for control in mutants_guard.CONTROLS]
CONTROL = [Mutant(*control) for control in mutants_control.CONTROLS]
CASES = [Mutant(*control) for control in mutants_cases.CONTROLS]
AUDIT = [Mutant(*control) for control in mutants_audit.CONTROLS]
ACTS = [
    Mutant(*control)
    for control in mutants_acts.CONTROLS + mutants_people.CONTROLS + mutants_tenants.CONTROLS
]
MUTANTS = CONTROLS + LINES + REST + PROCESSES + CLOSING + GUARD + CONTROL + CASES + AUDIT + ACTS


def run(source: Path, test: str, match: str) -> bool:
    """Whether the tests pass against `source`."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["-p", "no:randomly", "-p", "no:rerunfailures", test] + (
        ["-k", match] if match else []
    )
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):  # neither passed nor failed: collected nothing, or broke
        sys.exit(f"{test} -k {match!r} did not run:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    return done.returncode == 0


def lives(mutant: Mutant, source: Path) -> bool:
    """Apply, run, take back; whether the tests passed without the control."""
    path = source / "tradedeck" / mutant.file
    text = path.read_text("utf-8")
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    try:
        return run(source, mutant.test, mutant.match)
    finally:
        path.write_text(text, "utf-8")


def misplaced(mutant: Mutant) -> str:
    """Why it cannot be judged: its text is not there once, or its test is not there; or nothing."""
    text = (ROOT / "src" / "tradedeck" / mutant.file).read_text("utf-8")
    if text.count(mutant.old) != 1:
        return f"its text is in {mutant.file} {text.count(mutant.old)} times"
    return "" if (ROOT / mutant.test).exists() else f"there is no {mutant.test}"


def main(arguments: list[str]) -> int:
    wanted = [part for part in arguments if part != "--list"]
    chosen = [m for m in MUTANTS if not wanted or any(part in m.name for part in wanted)]
    lost = [f"? {m.name}: {why}" for m in chosen if (why := misplaced(m))]
    if lost or "--list" in arguments:
        print("\n".join(lost or [m.name for m in chosen]))
        return 2 if lost else 0
    alive: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(
            ROOT / "src/tradedeck",
            source / "tradedeck",
            ignore=shutil.ignore_patterns("__pycache__", "static"),
        )
        for test in sorted({m.test for m in chosen}):
            named = {m.match for m in chosen if m.test == test}
            whole = "" in named
            if not run(source, test, "" if whole else " or ".join(f"({m})" for m in named)):
                print(f"BROKEN {test} fails without any mutant", flush=True)
                alive += [m.name for m in chosen if m.test == test]
        for mutant in [m for m in chosen if m.name not in alive]:
            living = lives(mutant, source)
            alive += [mutant.name] * living
            print(f"{'LIVES ' if living else 'killed'} {mutant.name}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants killed")
    return 1 if alive else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
