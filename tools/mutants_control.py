"""Controls of stopping through the api, and the test that must fail without each: (name, file, old,
new, test, match), for `tools/mutants.py`.
"""

from __future__ import annotations

KILLS = "tests/api/test_kills.py"
STOP = "tests/projections/test_stop.py"
COMMANDS = "tests/cli/test_stop.py"

CONTROLS = [
    (
        "INV-6 a kill without a store",
        "api/kills.py",
        "    if done and task.exception() is None:\n        return True\n",
        "    task.result()\n    return True\n",
        KILLS,
        "takes_no_write or store_that_hangs",
    ),
    (
        "INV-6 a kill waits for nothing on the store",
        "api/kills.py",
        "NOTE_S: Final = 0.5",
        "NOTE_S: Final = 3600.0",
        KILLS,
        "store_that_hangs",
    ),
    (
        "INV-6 a kill has no bound on acts",
        "api/routes/kills.py",
        'router = APIRouter(tags=["stop"])',
        (
            "from tradedeck.api.idempotency import ControlRoute\n"
            'router = APIRouter(tags=["stop"], route_class=ControlRoute)'
        ),
        KILLS,
        "no_bound",
    ),
    (
        "INV-6 a queued kill is not a latched one",
        "api/kills.py",
        ' or reply.get("code") == "PENDING"',
        "",
        KILLS,
        "only_queues",
    ),
    (
        "INV-6 what nobody took is sent again",
        "api/kills.py",
        "        for kill in list(context.kills.unanswered.values()):\n",
        "        for kill in ():\n",
        KILLS,
        "sent_again",
    ),
    (
        "INV-7 the latch of the store",
        "projections/stop.py",
        "    _latch(book, event, latch, STORE)\n",
        "",
        STOP,
        "posting_to_its_proof",
    ),
    (
        "INV-7 only the guard lifts, over the api",
        "projections/stop.py",
        "    if holder == GUARD or book.get(t.halts, scope, GUARD) is None:\n",
        "    if True:\n",
        STOP,
        "inv_7",
    ),
    (
        "proof is what the guard saw",
        "projections/stop.py",
        "    if holder_of(event.source) != GUARD:\n        _further",
        "    if False:\n        _further",
        STOP,
        "word_alone",
    ),
    (
        "a kill's exit code is its proof",
        "cli/commands/stop.py",
        '    if told.get("state") != "done":\n        sys.stderr',
        "    if False:\n        sys.stderr",
        COMMANDS,
        "without_proof",
    ),
    (
        "the evidence is verified",
        "cli/commands/stop.py",
        "    if found != stated:\n",
        "    if False:\n",
        COMMANDS,
        "evidence",
    ),
]
