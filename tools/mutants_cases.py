"""Controls behind the engine cases, the breakers and the control plane's cases, and the test that
must fail without each: (name, file, old, new, test, match), for `tools/mutants.py`.
"""

from __future__ import annotations

ENGINE = "tests/cases/test_engine_cases.py"
GATE = "tests/execution/test_gate.py"
CHECK = "tests/projections/test_check.py"
ATOMIC = "tests/journal/test_atomic.py"
DOCUMENT = "tests/desired/test_document.py"
CONFIG = "tests/api/test_config.py"
RULES = "tests/risk/test_breakers.py"
WATCH = "tests/runner/test_breakers.py"
AUDIT = "tests/audit/test_chain.py"
SUPERVISOR = "tests/supervisor/test_supervisor.py"

THROUGH_THE_GATE = (
    "        slot = self.by_symbol[order.instrument]\n"
    "        bounds, now, now_ns = slot.bounds, slot.conditions, self.now_ns\n"
    "        answer = gate.decide(order, self.book, bounds, now, Decimal(1), now_ns)\n"
    "        refused = answer if isinstance(answer, Denial) else None\n"
)
REDUCING = "        refused = gate.reducing(order, held)\n"
APPENDED = "    record = {}\n    store.add_version(write, made)\n    _supersede"

CONTROLS = [
    ("ENG-1 a halt stops no exit", "engine/account.py", REDUCING, THROUGH_THE_GATE, ENGINE,
     "eng_1_halted or eng_1_each"),
    ("ENG-2 what reduces passes the rate limit", "engine/account.py", REDUCING, THROUGH_THE_GATE,
     ENGINE, "eng_2_flatten_fifty"),
    ("ENG-6 signals mode denies", "execution/gate.py",
     "    if conditions.mode not in EXECUTING:\n", "    if False:\n", ENGINE, "eng_6"),
    ("ENG-8 a close realises its whole cost", "trading/position.py",
     "            realised = -value - self.cost\n", "            realised = -value\n", ENGINE,
     "eng_8"),
    ("ENG-9 a load that is given up leaves nothing", "runner/hosts.py",
     "            ours.close()  # and with it goes the host, if it was forked\n", "",
     "tests/host/test_sandbox.py", "eng_9"),
    ("ENG-10 notional is not margin", "execution/checks.py",
     "        return order.quantity * at_most * self.instrument.multiplier\n",
     "        return order.quantity * at_most * self.instrument.margin_rate\n", GATE, "eng_10"),
    ("RSK-1 a trader's bound counts its own", "execution/checks.py",
     'own = OWN.get(name, control) if scope == "trader" else control', "own = control", GATE,
     "traders_bound_counts_its_own"),
    ("RSK-1 a new bound on a rate counts the minute before", "execution/book.py",
     "deque(self.sent_ns, maxlen=SENT_MAX)\n        return own",
     "deque(maxlen=SENT_MAX)\n        return own", GATE, "counts_the_accounts_minute"),
    ("RSK-1 a trader's rate outlives a restart", "runner/state.py",
     '    for name, own in sends.get("own_sent", {}).items():', "    for name, own in ():",
     "tests/runner/test_state.py", "own_rate"),
    ("ENG-13 what was sent is forgotten", "execution/book.py",
     "        if len(self.recent) > 1_000:", "        if False:", ENGINE, "eng_13_nothing"),
    ("ENG-13 the newest is kept", "execution/book.py",
     "        self.recent.pop(key, None)", "        pass", ENGINE, "eng_13_the_newest"),
    ("gate owned", "execution/gate.py", "    if not conditions.owned:\n", "    if False:\n", GATE,
     "ACCOUNT_HELD"),
    ("gate journal room", "execution/gate.py", "    if not conditions.journal_room:\n",
     "    if False:\n", GATE, "JOURNAL_FULL"),
    ("gate breaker", "execution/gate.py", "    if conditions.breaker:\n", "    if False:\n", GATE,
     "BREAKER_OPEN"),
    ("RSK-3 the bound opens a breaker", "risk/breakers.py",
     "        if len(window) < rule.bound:\n", "        if True:\n", RULES, ""),
    ("RSK-3 a window ends", "risk/breakers.py",
     "    while window and (window[0] < at_ns - rule.window_s * NS_PER_S or window[0] > at_ns):",
     "    while False:", RULES, ""),
    ("RSK-3 a cool-down is waited for", "risk/breakers.py",
     "now_ns > item.seen_ns + item.cooldown_ns", "True", RULES, ""),
    ("CTL-18 breakers are held under the ceiling", "runner/plan.py",
     "Rule.from_document(ceilings.tighten_breaker(ceiling, name, rule))",
     "Rule.from_document(rule)", "tests/runner/test_plan.py", "ctl_18"),
    ("INV-11 fills without an end are alarmed", "runner/step.py",
     'world.sink.alarm("FILL_LOOP"', 'print("FILL_LOOP"', "tests/runner/test_fills.py",
     "inv_11"),
    ("RSK-4 a lift says what is still crossed", "readmodels/lift_preview.py",
     'None if used is None else used >= row["bound"]', "None if used is None else False",
     "tests/api/test_breakers.py", "before_a_lift"),
    ("RSK-3 what only alarms closes by itself", "risk/breakers.py",
     'auto = body["resume"] == "auto" or action is Action.ALARM', 'auto = body["resume"] == "auto"',
     RULES, "only_alarms_closes"),
    ("RSK-3 a feed's latch closes with its account's lift", "runner/breakers.py",
     "world.breakers.lifted(scope, *feeds)", "world.breakers.lifted(scope)",
     "tests/runner/test_breakers.py", "feeds_latch_halts"),
    ("RSK-3 a breaker that latches stays", "risk/breakers.py",
     "if item.latched and (scope", "if True or (scope", RULES, ""),
    ("RSK-3 an open breaker is in the gate's conditions", "runner/conditions.py",
     '    conditions.breaker = "" if breaker is None else breaker.breaker.value\n',
     '    conditions.breaker = ""\n', WATCH, "cools_down_denies"),
    ("RSK-3 repeated execution is counted", "runner/breakers.py",
     "        for name, at_ns in sink.turn_entries:\n", "        for name, at_ns in ():\n", WATCH,
     "repeated_execution"),
    ("RSK-3 rejects are counted", "runner/breakers.py",
     "        for name in sink.turn_rejected:\n", "        for name in ():\n", WATCH, "rejects"),
    ("RSK-3 the clock is watched", "runner/breakers.py",
     "        before, self._clocks = self._clocks, (now_ns, mono_ns)\n",
     "        before, self._clocks = None, (now_ns, mono_ns)\n", WATCH, "clock"),
    ("CTL-5 ten megabytes", "desired/parse.py", "    if len(raw) > BYTES_MAX:\n",
     "    if False:\n", DOCUMENT, "ten_megabytes"),
    ("CTL-5 anchors", "desired/parse.py",
     "        if isinstance(event, AliasEvent) or (\n", "        if False and (\n", DOCUMENT,
     "malicious"),
    ("CTL-5 tags", "desired/parse.py", '        if getattr(event, "tag", None) is not None:\n',
     "        if False:\n", DOCUMENT, "malicious"),
    ("CTL-5 a key that is there twice", "desired/parse.py", "            if key in made:\n",
     "            if False:\n", DOCUMENT, "malicious"),
    ("CTL-6 the rename comes last", "journal/atomic.py",
     "        _write(temporary, data, mode)\n", "        _write(path, data, mode)\n", ATOMIC,
     "ctl_6"),
    ("CTL-6 what was staged is taken away", "journal/atomic.py",
     "        temporary.unlink(missing_ok=True)  # on a full disk its space is wanted back\n", "",
     ATOMIC, "ctl_6"),
    ("CTL-8 the order of arrival is not the order", "projections/check.py",
     "    ordered = sorted(page.entries, key=lambda entry: entry.seq)\n",
     "    ordered = list(page.entries)\n", CHECK, "ctl_8"),
    ("CTL-8 a gap ends the run", "projections/check.py",
     "        if entry.seq != after + 1:\n", "        if False:\n", CHECK, "ctl_8"),
    ("CTL-8 a forged entry does not chain", "projections/check.py",
     "        last = verify(run, after, previous)\n",
     "        last = run[-1].hash if run else previous\n", CHECK, "ctl_8"),
    ("CTL-8 a repeat is the same", "projections/check.py",
     "and known is not None and known != entry.hash:", "and False:", CHECK, "ctl_8"),
    ("CTL-14 a loop that stands still is ended", "supervisor/supervisor.py",
     "        child.hung = True\n", "        return\n", SUPERVISOR,
     "ctl_14_a_loop_that_stands_still_is"),
    ("CTL-18 what loosens takes a code", "api/desk.py",
     "    stepped_up = access.is_fresh(context, wish.actor)\n", "    stepped_up = True\n",
     CONFIG, "loosening_right_code"),
    ("CTL-18 what loosens waits", "api/desk.py",
     "    wait_ns = int(context.settings.loosening_wait_s * NS_PER_S)\n", "    wait_ns = 0\n",
     CONFIG, "loosening_right_code"),
    ("INV-13 a record that was changed", "audit/verify.py",
     "            if not _links(row, entry, whole=not beside):\n", "            if False:\n",
     AUDIT, "changed_column"),
    ("INV-12 no act without its record", "desired/service.py",
     APPENDED.format("audit.append(write, act, now_ns=now_ns)"),
     APPENDED.format("audit.Record(0, '', '')"), CONFIG, "cannot_be_recorded"),
]  # fmt: skip
