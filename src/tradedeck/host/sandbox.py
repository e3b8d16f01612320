"""What a strategy's process may not do: fork, exec, signal another, open a socket, read what is
not its own code, outgrow its memory.

On Linux (x86-64, arm64) a seccomp filter refuses the system calls with EPERM, for root as well. No
socket at all may be made, of unix neither: the exchange's and the supervisor's are this user's own.
Landlock (5.13 and later) leaves Python's libraries and the strategies' folder readable and nothing
else: no key, no journal, no other process's environment. What does not hold on a platform, `apply`
names. Sources: seccomp(2), landlock(7), capset(2), linux/{audit,filter,landlock,capability}.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_SET_PDEATHSIG = 1
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_ERRNO_EPERM = 0x00050001
_ERRNO_ENOSYS = 0x00050026
_CLONE_THREAD = 0x00010000
_KILL_SIGNAL = 9

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
_READ, _LIST = 1 << 2, 1 << 3
_SYSTEM_READABLE = ("/usr/lib", "/usr/share/zoneinfo", "/lib", "/lib64", "/etc/localtime",
                    "/dev/null", "/dev/urandom")  # fmt: skip

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers of one architecture."""

    audit: int
    clone: int
    clone3: int
    socket: int
    prlimit64: int
    refused: tuple[int, ...]


_MACHINES = {
    # fork, vfork, execve, execveat · ptrace, process_vm_readv, process_vm_writev, pidfd_getfd ·
    # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal · setns, unshare,
    # mount · io_uring_setup (makes sockets unseen by a filter) · bpf, perf_event_open, keyctl
    "x86_64": _Machine(
        0xC000003E,
        56,
        435,
        41,
        302,
        (
            57,
            58,
            59,
            322,
            101,
            310,
            311,
            438,
            62,
            200,
            234,
            129,
            297,
            424,
            308,
            272,
            165,
            425,
            321,
            298,
            250,
        ),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        220,
        435,
        198,
        261,
        (
            221,
            281,
            117,
            270,
            271,
            438,
            129,
            130,
            131,
            138,
            240,
            424,
            268,
            97,
            40,
            425,
            280,
            241,
            219,
        ),
    ),
}
_X32_BIT = 0x40000000


def apply(memory_bytes_max: int, readable: Sequence[str] = ()) -> list[str]:
    """Shut this process in, for good. Returns what could not be enforced on this platform.

    Args:
        memory_bytes_max: address space this process may add to what it has now.
        readable: folders it may read beside Python's own.
    """
    missing: list[str] = []
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform == "linux":
        bound = _address_space() + memory_bytes_max
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        missing += _landlock(libc, readable)
        _drop_capabilities(libc)
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        missing += _seccomp(libc)
    else:
        missing += ["memory", "files", "fork", "network"]
    return missing


def die_with_parent() -> None:
    """Linux: end when the parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _KILL_SIGNAL)


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def _seccomp(libc: ctypes.CDLL) -> list[str]:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return ["fork", "network"]
    program = _program(machine)
    buffer = ctypes.create_string_buffer(program)
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(fprog), 0, 0):
        return ["fork", "network"]
    return []


def _landlock(libc: ctypes.CDLL, readable: Sequence[str]) -> list[str]:
    """Leave Python's own folders and `readable` to be read; everything else of files is refused."""
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return ["files"]
    # Rights that a kernel does not know yet it would refuse: 13, 14, 15 came with 2, 3 and 5.
    rights = (1 << (13 + (version > 1) + (version > 2) + (version > 4))) - 1
    ruleset = struct.pack("Q", rights)
    rules = libc.syscall(_LANDLOCK_CREATE, ruleset, len(ruleset), 0)
    if rules < 0:
        return ["files"]
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, *_SYSTEM_READABLE, *readable)
    isdir = os.path.isdir
    for path in {os.path.realpath(name) for name in own if name} - {"/"}:
        with contextlib.suppress(OSError):  # what does not exist needs no leave
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ | (_LIST if isdir(path) else 0)
            rule = struct.pack("=Qi", allowed, beneath)
            libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0)
            os.close(beneath)
    refused = libc.syscall(_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)
    return ["files"] if refused else []


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Root is nobody in here: version 3 of capset, two sets of nothing."""
    libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24))


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _program(machine: _Machine) -> bytes:
    """The filter: listed calls → EPERM; clone only for threads, no socket."""
    eperm, allow = _op(_RET, _ERRNO_EPERM), _op(_RET, _ALLOW)
    lines = [
        _op(_LD, _ARCH),
        _op(_JEQ, machine.audit, 1, 0),
        eperm,
        _op(_LD, _NR),
        _op(_JGE, _X32_BIT, 0, 1),
        eperm,
    ]
    for number in (*machine.refused, machine.socket):
        lines += [_op(_JEQ, number, 0, 1), eperm]
    # glibc falls back to clone, whose flags a filter can read, when clone3 does not exist
    lines += [_op(_JEQ, machine.clone3, 0, 1), _op(_RET, _ERRNO_ENOSYS)]
    lines += [
        _op(_JEQ, machine.clone, 0, 4),  # another call: on to the limits
        _op(_LD, _ARG0),
        _op(_JSET, _CLONE_THREAD, 0, 1),
        allow,
        eperm,
        _op(_JEQ, machine.prlimit64, 0, 3),  # another call: allowed
        _op(_LD, _ARG0),
        _op(_JEQ, 0, 1, 0),  # its own limits only
        eperm,
        allow,
    ]
    return b"".join(lines)
