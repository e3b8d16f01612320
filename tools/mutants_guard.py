"""Controls of the guard: (name, file, text, text without the control, tests, -k expression)."""

from __future__ import annotations

_CORE = "tests/guard/test_core.py"
_LATCH = "tests/guard/test_latch.py"
_PROCESS = "tests/guard/test_process.py"
_ALIVE = "tests/guard/test_processes.py"
CONTROLS: list[tuple[str, str, str, str, str, str]] = [
    (
        "guard latch is kept",
        "guard/latch.py",
        "[Entry(Kind.HALT_SET, dict(standing)), Row(HALTS, self.halts)]",
        "[Entry(Kind.HALT_SET, dict(standing))]",
        _CORE,
        "inv_7",
    ),
    (
        "guard latch is kept by processes",
        "guard/process.py",
        "self._journal.put(output.name, self._newest(output))",
        "pass",
        _ALIVE,
        "inv_7_a_latch_survives",
    ),
    (
        "guard heartbeat is the working loop's, not the open socket's",
        "guard/watch.py",
        "return now.mono_ns - self.worked_ns if self.expected else 0",
        "return now.mono_ns - self.worked_ns if self.expected and not self.connected else 0",
        _CORE,
        "ctl_14",
    ),
    (
        "guard heartbeat needs a steady loop",
        "guard/watch.py",
        "        if at - self._first_ns < STEADY_NS:\n            return False\n",
        "",
        _CORE,
        "crash_loop or gap_in_the_beats",
    ),
    (
        "guard silence is the runner's",
        "guard/watch.py",
        "if missed > GAP_NS:",
        "if False:",
        _CORE,
        "nobodys_silence",
    ),
    (
        "guard fences before it takes over",
        "guard/core.py",
        '            return self._fence("it is not connected", now)\n',
        "            return self._take_over(running, now)\n",
        _CORE,
        "not_connected",
    ),
    (
        "guard fences a late runner",
        "guard/core.py",
        '                outputs += self._fence(f"it does not carry out {late[0].kill.id}", now)\n',
        "                pass\n",
        _CORE,
        "inv_9",
    ),
    (
        "guard fence is an exit",
        "guard/core.py",
        "if not fenced.ended:",
        "if False:",
        _CORE,
        "inv_9",
    ),
    (
        "guard looks at the broker itself",
        "guard/core.py",
        "if not proved.flat:",
        "if False:",
        _CORE,
        "broker_does_not_show",
    ),
    (
        "guard lift needs the host's code",
        "guard/latch.py",
        "            self._spend(asked.code, now)\n",
        "            pass\n",
        _LATCH,
        "ctl_18",
    ),
    (
        "guard code is void after five",
        "guard/latch.py",
        "if code.tries >= CODE_TRIES_MAX:",
        "if False:",
        _LATCH,
        "five_wrong",
    ),
    (
        "guard code is for one lift",
        "guard/latch.py",
        'given.encode("utf-8", "replace")):\n            self._code = None\n',
        'given.encode("utf-8", "replace")):\n',
        _LATCH,
        "one_lift",
    ),
    (
        "guard lift waits",
        "guard/latch.py",
        "if now.mono_ns >= at:",
        "if True:",
        _LATCH,
        "inv_7",
    ),
    (
        "guard lift is durable first",
        "guard/process.py",
        'if durable or output.frame.get("op") != "lift":',
        "if True:",
        _PROCESS,
        "takes_nothing",
    ),
    (
        "guard knows its runner's process",
        "guard/process.py",
        'if int(frame["pid"]) != pid or (began is not None and began != int(frame["started"])):',
        "if False:",
        _PROCESS,
        "kernel_says",
    ),
    (
        "a kill goes beside a silent bus",
        "api/guardline.py",
        "if asked.done() and not _is_silent(asked):",
        "if await asyncio.wait({asked}):",
        "tests/runner/test_kill_cut_off.py",
        "frozen_through_the_api",
    ),
    (
        "the guard's socket verifies what the wire would bring",
        "guard/asks.py",
        'return self.message(str(frame.get("envelope")).encode())',
        (
            'return self.kill(kill_of(canonical.decode(str(frame.get("envelope")).encode())'
            '["body"], 1, by="api"), "api")'
        ),
        _ALIVE,
        "ctl_17",
    ),
    (
        "ballast is released",
        "journal/log.py",
        "if self._ballast is None or not self._ballast.release():",
        "if True:",
        "tests/journal/test_ballast.py",
        "inv_12",
    ),
]
