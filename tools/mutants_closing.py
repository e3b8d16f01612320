"""Controls of closing, and the test that must fail without each: (name, file, old, new, test,
match), for `tools/mutants.py`.
"""

from __future__ import annotations

PROTOCOL = "tests/closing/test_protocol.py"
SIMULATION = "tests/closing/test_simulation.py"

CONTROLS = [
    (
        "closer epoch",
        "closing/epoch.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/closing/test_epoch.py",
        "one_owner",
    ),
    (
        "closer epoch is asked before a send",
        "closing/epoch.py",
        "return _parse(os.pread(descriptor, SIZE, 0)) == self._claim",
        "return True",
        "tests/closing/test_epoch.py",
        "meddled",
    ),
    (
        "what a guard has begun is no runner's",
        "closing/epoch.py",
        "if owner is Owner.RUNNER and last.owner == Owner.GUARD and last.kill is not None:",
        "if False:",
        "tests/closing/test_epoch.py",
        "not_finished",
    ),
    (
        "settle wait",
        "closing/protocol.py",
        "at.truth.at_ns >= settled_ns and",
        "",
        PROTOCOL,
        "waits_until_nothing",
    ),
    (
        "settle wait of intents",
        "closing/standing.py",
        "if name in working or truth.at_ns >= settled_ns:",
        "if True:",
        PROTOCOL,
        "waits_for_an_intent",
    ),
    (
        "settle wait, in the simulation",
        "closing/standing.py",
        "self.late_ns = int(begin.capability.max_late_s * NS_PER_S)",
        "self.late_ns = 0",
        SIMULATION,
        "whatever",
    ),
    ("three reads", "closing/proof.py", "READS = 3", "READS = 1", PROTOCOL, "three_reads"),
    (
        "reads asked after the event",
        "closing/standing.py",
        "self.truth_stamp < self.stamp or self.intents",
        "self.intents",
        PROTOCOL,
        "proves_nothing",
    ),
    (
        "one close in flight",
        "closing/protocol.py",
        (
            "        if leg.flight is not None:\n            self._again(at, leg, leg.flight)\n"
            "            return\n"
        ),
        "        leg.flight = None\n",
        PROTOCOL,
        "one_close_in_flight",
    ),
    (
        "one close in flight, whoever sent it",
        "closing/protocol.py",
        "if any(intent.reduce_only for intent in here):",
        "if False:",
        PROTOCOL,
        "earlier_owner",
    ),
    (
        "stops last",
        "closing/protocol.py",
        "if stops and (leg.fails or not at.immediate(held)):",
        "if False:",
        PROTOCOL,
        "stops_are_withdrawn_last",
    ),
    (
        "watching after flat",
        "closing/protocol.py",
        "if truth.at_ns < self._until_ns:",
        "if False:",
        PROTOCOL,
        "residue",
    ),
    (
        "a guard only reduces",
        "exchange/server.py",
        "if operation not in GUARD_OPS:",
        "if False:",
        "tests/exchange/test_server.py",
        "inv_6",
    ),
    (
        "a guard's orders are reduce-only",
        "exchange/server.py",
        'cast("dict[str, Any]", order).get("reduce_only") is True',
        "True",
        "tests/exchange/test_server.py",
        "inv_6",
    ),
    (
        "reduce-only at the venue, whatever the book",
        "venue/matching.py",
        "wanted = min(wanted, self._held(order))",
        "pass",
        "tests/cases/test_reduce_only.py",
        "inv_8",
    ),
]
