"""Controls that hold between processes, and the test that must fail without each: (name, file,
old, new, test, match), for `tools/mutants.py`.
"""

from __future__ import annotations

PROCESSES = "tests/runner/test_processes.py"
UNKNOWN = "tests/runner/test_unknown.py"
KILL = "tests/runner/test_kill.py"
HARD = "tests/runner/test_kill_hard.py"
GUARDED = "tests/runner/test_kill_guarded.py"
GUARDLINE = "tests/runner/test_guardline.py"
HOSTS = "tests/host/test_sandbox.py"
STATUS = "tests/readmodels/test_status.py"
ACCESS = "tests/api/test_access.py"
JOURNAL = "tests/journal/test_journal.py"

ENGINE = [
    (
        "ENG-4 INV-7 a halt is read at start",
        "runner/wiring.py",
        'halts = Halts(self.journal.get("halts") or {})',
        "halts = Halts({})",
        PROCESSES,
        "eng_4",
    ),
    (
        "INV-7 a lower level does not lift",
        "execution/halt.py",
        'if standing is not None and level(standing["level"]) >= at:',
        "if False:",
        "tests/execution/test_halt.py",
        "inv_7",
    ),
    (
        "ENG-5 the deadline of a callback",
        "runner/hosts.py",
        "        timer = loop.call_later(deadline_s, self._fail, host, failure)\n",
        "        timer = loop.call_later(deadline_s, str)\n",
        PROCESSES,
        "eng_5",
    ),
    (
        "ENG-5 the memory of a strategy",
        "host/sandbox.py",
        "        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))\n",
        "        del bound\n",
        HOSTS,
        "eng_5",
    ),
    (
        "ENG-5 the flood of a strategy",
        "runner/hosts.py",
        "if host.flood_bytes > OUTPUT_BYTES_PER_S_MAX:",
        "if False:",
        HOSTS,
        "eng_5",
    ),
    (
        "INV-11 no way out of a host",
        "host/sandbox.py",
        "        missing += _seccomp(libc)\n",
        "",
        HOSTS,
        "inv_11",
    ),
    (
        "INV-14 a host has no environment of ours",
        "runner/hosts.py",
        "env = {name: os.environ[name] for name in keep if name in os.environ}",
        "env = dict(os.environ)",
        HOSTS,
        "inv_14",
    ),
    (
        "ENG-7 resting orders at the venue",
        "venue/matching.py",
        "order = entry.order\n                self.working.setdefault(",
        "order = entry.order\n                {}.setdefault(",
        "tests/exchange/test_process.py",
        "eng_7",
    ),
    (
        "ENG-7 what was taken of a bar",
        "venue/matching.py",
        "                self._used[symbol] = bar, Decimal(used[1])\n",
        "                pass\n",
        "tests/exchange/test_process.py",
        "stays_taken",
    ),
    (
        "ENG-7 resting orders of the runner",
        "runner/state.py",
        "            book.add(Order.from_body(body))\n",
        "            pass\n",
        PROCESSES,
        "eng_7",
    ),
    (
        "ENG-11 commands go between callbacks",
        "runner/step.py",
        "keep the prices from the venue\n            await self.attend()\n",
        "keep the prices from the venue\n",
        KILL,
        "hung",
    ),
    (
        "ENG-12 the venue's log is applied at start",
        "runner/recover.py",
        "        reports = await world.link.since(world.venue_seq)\n",
        "        reports: list[Report] = []\n",
        GUARDED,
        "ends_in_the_middle",
    ),
]
RECORD = [
    (
        "INV-3 journaled before it is sent",
        "runner/step.py",
        "            world.commit()\n            if world.unwritten:\n",
        "            if world.unwritten:\n",
        UNKNOWN,
        "inv_3",
    ),
    (
        "INV-4 an answer that is lost is unknown",
        "runner/step.py",
        'self.unknown(account.plan.id, client_id, "no answer from the venue")',
        "pass",
        UNKNOWN,
        "frozen_before",
    ),
    (
        "INV-4 unknown counts",
        "execution/book.py",
        "        order.move(Status.UNKNOWN)\n",
        "        order.move(Status.UNKNOWN)\n        self._close(order)\n",
        UNKNOWN,
        "frozen_before",
    ),
    (
        "INV-4 only what the venue does not know never reached it",
        "runner/recover.py",
        "                if known:\n                    continue",
        "                if False:\n                    continue",
        "tests/runner/test_recover.py",
        "",
    ),
    (
        "INV-5 drift stops entries",
        "runner/recover.py",
        "        if mine != other:\n",
        "        if False:\n",
        UNKNOWN,
        "inv_5",
    ),
    (
        "INV-6 a kill is urgent",
        "runner/commands.py",
        'URGENT = frozenset({"flatten", ',
        "URGENT = frozenset({",
        KILL,
        "hung",
    ),
    (
        "INV-6 a kill cancels",
        "engine/account.py",
        "        actions = self.cancel(working, by)\n        self._doomed.update",
        "        actions = []\n        self._doomed.update",
        "tests/cases/test_engine_cases.py",
        "eng_1 or eng_2",
    ),
    (
        "INV-6 a reduction needs no venue_ready",
        "runner/step.py",
        "        if link is None or not link.connected:\n            self._unsent(",
        (
            "        if link is None or not all(a.reconciled for a in world.accounts.values()):\n"
            "            self._unsent("
        ),
        UNKNOWN,
        "inv_5",
    ),
    (
        "INV-6 what reduces passes every limiter",
        "engine/account.py",
        "        refused = gate.reducing(order, held)\n",
        (
            "        slot = self.by_symbol[order.instrument]\n"
            "        bounds, now, now_ns = slot.bounds, slot.conditions, self.now_ns\n"
            "        answer = gate.decide(order, self.book, bounds, now, Decimal(1), now_ns)\n"
            "        refused = answer if isinstance(answer, Denial) else None\n"
        ),
        "tests/cases/test_engine_cases.py",
        "eng_1 or eng_2",
    ),
    (
        "INV-7 a latch is kept",
        "runner/sink.py",
        (
            "        self._journal.append(Kind.HALT_SET, dict(row))\n"
            '        self._journal.put("halts", self._halts.active)\n'
        ),
        "        self._journal.append(Kind.HALT_SET, dict(row))\n",
        HARD,
        "inv_7",
    ),
    (
        "INV-6 a kill goes on after a restart",
        "runner/wiring.py",
        "        self.stops.closing.resume()\n",
        "",
        HARD,
        "dies_in_the_middle",
    ),
    (
        "INV-6 a latch needs no venue",
        "runner/commands.py",
        'IMMEDIATE = frozenset({"kill", ',
        "IMMEDIATE = frozenset({",
        HARD,
        "frozen",
    ),
    (
        "INV-9 what another process holds is sent nothing",
        "runner/world.py",
        "account.engine.locked = bool(refused)",
        "account.engine.locked = False",
        GUARDLINE,
        "inv_9",
    ),
    (
        "INV-6 a flatten is the closer's, and proved",
        "runner/commands.py",
        "return await self._closed(scope, stops.cells(scope), by)",
        "return await self._send(self._accounts('main')[0].engine.flatten(None, by=by))",
        KILL,
        "takes_the_scopes",
    ),
    (
        "INV-6 a close that was begun goes on after a crash",
        "runner/closing.py",
        "                self._drive(account, kill, Extent(leg.instruments, kill.flatten))\n",
        '                leg.state = "done"\n',
        KILL,
        "flatten_goes_on",
    ),
    (
        "INV-7 only the guard lifts",
        "runner/commands.py",
        'whoever holds the api\'s key lifts nothing."""\n',
        'lifts."""\n        return self._world.halts.clear(str(args[\'scope\']))\n',
        PROCESSES,
        "ctl_18",
    ),
    (
        "INV-7 the guard's latch is taken over",
        "runner/stops.py",
        "for row in halts.values():",
        "for row in ():",
        GUARDLINE,
        "inv_7",
    ),
    (
        "INV-6 entries need a guard",
        "runner/stops.py",
        "return (self._latched and self.line.answers) or not self._required",
        "return True",
        GUARDLINE,
        "without_its_guard",
    ),
    (
        "INV-12 a turn is one transaction",
        "journal/log.py",
        '            self._write_states()\n            db.execute("COMMIT")\n',
        (
            '            db.execute("COMMIT")\n            db.execute("BEGIN")\n'
            '            self._write_states()\n            db.execute("COMMIT")\n'
        ),
        JOURNAL,
        "inv_12",
    ),
    (
        "INV-12 a line that was lost without a word is noticed",
        "adapters/bus/nats.py",
        "                await self._loss(lost)\n",
        "                await lost\n",
        "tests/adapters/bus/test_nats.py",
        "ctl_14",
    ),
]
SHOWN = [
    (
        "INV-1 no broker module in signals",
        "runner/wiring.py",
        "from tradedeck.runner.step import Stepper\n",
        "from tradedeck.runner.step import Stepper\nimport tradedeck.runner.venue\n",
        PROCESSES,
        "inv_1_",
    ),
    (
        "INV-2 live needs its confirmation",
        "execution/arming.py",
        "        (enabled and confirmed, Unmet.LIVE_NOT_CONFIRMED),\n",
        "",
        PROCESSES,
        "inv_2",
    ),
    (
        "INV-2 the environment that was handed in",
        "execution/arming.py",
        'return env.get(name, "").strip().lower() == "true"',
        'import os\n\n    return (env.get(name) or os.environ.get(name, "")) == "true"',
        "tests/execution/test_arming.py",
        "inv_2",
    ),
    (
        "INV-10 stale data",
        "runner/conditions.py",
        "conditions.data_fresh = run is not None and run.usable(world.clock.now_ns())",
        "conditions.data_fresh = True",
        PROCESSES,
        "grew_old",
    ),
    (
        "INV-14 secrets by name",
        "kernel/redaction.py",
        "key: HIDDEN if is_secret_name(str(key)) and item else redact",
        "key: redact",
        "tests/kernel/test_kernel.py",
        "inv_14",
    ),
    (
        "INV-14 secrets by shape",
        "kernel/redaction.py",
        "        text = shape.sub(HIDDEN, text)\n",
        "        pass\n",
        "tests/kernel/test_kernel.py",
        "inv_14",
    ),
    (
        "INV-15 the anonymous",
        "api/front.py",
        "        self._hot = hot\n\n    async def __call__",
        (
            "        self._hot = hot\n        global is_public\n"
            "        is_public = lambda *_: True\n\n    async def __call__"
        ),
        ACCESS,
        "inv_15 or front_agrees",
    ),
    (
        "INV-15 the table of roles",
        "api/access.py",
        "        if holds(actor, self.permission):\n",
        "        if True:\n",
        "tests/api/test_matrix.py",
        "token_of_each_role",
    ),
    (
        "INV-16 silence",
        "readmodels/status.py",
        '    if state == "running":\n        return None\n',
        "    return None\n",
        STATUS,
        "inv_16",
    ),
    (
        "INV-16 absent is no figure",
        "readmodels/status.py",
        '("0" if spec.get("account") in facts.accounts else None)',
        '"0"',
        STATUS,
        "inv_16",
    ),
    (
        "INV-16 books that nobody compares",
        "readmodels/status.py",
        '    if verdict == "clean" and late:\n',
        "    if False:\n",
        STATUS,
        "inv_16",
    ),
]
DESIRED = [
    (
        "CTL-18 what comes back is held against the limits it had",
        "desired/service.py",
        'for part in ("accounts", "traders"):',
        "for part in ():",
        "tests/api/test_config.py",
        "comes_back",
    ),
    (
        "CTL-18 a version ends what waits on an older one",
        "desired/service.py",
        "        if waiting.kind is not PendingKind.CONFIG or",
        "        if True or",
        "tests/api/test_config.py",
        "came_in_between",
    ),
]
CONTROLS = ENGINE + RECORD + SHOWN + DESIRED
