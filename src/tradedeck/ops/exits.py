"""How a program of ours ends: the closed list of exit codes, and how refusals map to them."""

from __future__ import annotations

from enum import IntEnum

from tradedeck.kernel.errors import Code


class Exit(IntEnum):
    """Documented in docs/operating/exit-codes.md; a test compares."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    NOT_FOUND = 5
    UNAUTHORISED = 6
    CONFLICT = 7
    TIMEOUT = 8
    CONFIG = 78  # EX_CONFIG of sysexits.h: starting again cannot help, so the supervisor does not
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "Done.",
    Exit.FAILED: "It failed; the sentence on stderr says why.",
    Exit.USAGE: "The command was not understood: an unknown option, a value of the wrong form.",
    Exit.REFUSED: "Understood and refused: a rule, a limit, an invalid value in the request.",
    Exit.UNREACHABLE: "Nobody answered: Tradedeck is not running here, or a process of it is down.",
    Exit.NOT_FOUND: "There is no such trader, order, version, file.",
    Exit.UNAUTHORISED: "Not signed in, or the role does not allow it.",
    Exit.CONFLICT: "Somebody changed it meanwhile, or it is already so. Look again, then decide.",
    Exit.TIMEOUT: "No answer in time; the outcome is unknown. Look before you repeat.",
    Exit.CONFIG: "A process could not start because of its settings; it is not started again.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C.",
}

_BY_CODE = {
    Code.UNAUTHENTICATED: Exit.UNAUTHORISED,
    Code.FORBIDDEN: Exit.UNAUTHORISED,
    Code.APPROVAL_REQUIRED: Exit.REFUSED,
    Code.STEP_UP_REQUIRED: Exit.REFUSED,
    Code.NOT_FOUND: Exit.NOT_FOUND,
    Code.CONFLICT: Exit.CONFLICT,
    Code.STALE_VERSION: Exit.CONFLICT,
    Code.UNAVAILABLE: Exit.UNREACHABLE,
    Code.TIMEOUT: Exit.TIMEOUT,
    Code.INVALID_SETTING: Exit.CONFIG,
    Code.MISSING_DEPENDENCY: Exit.CONFIG,
    Code.STORAGE: Exit.FAILED,
    Code.CHAIN_BROKEN: Exit.FAILED,
    Code.INTERNAL: Exit.FAILED,
}


def of(code: Code) -> Exit:
    """The exit code of a refusal; those not listed were understood and refused."""
    return _BY_CODE.get(code, Exit.REFUSED)
