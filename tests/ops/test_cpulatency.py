"""The wish for CPUs that wake quickly: what the kernel is told, and for how long."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tradedeck.ops import cpulatency

HOLDS = """
import sys
from pathlib import Path
from tradedeck.ops import cpulatency
print(cpulatency.hold(40, Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_the_wish_is_a_number_of_32_bits_and_lasts_as_long_as_the_process(tmp_path: Path) -> None:
    device = tmp_path / "device"
    os.mkfifo(device)  # a reader sees when the last writer is gone, as the kernel does
    reader = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(device)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "\n"
        assert os.read(reader, 100) == struct.pack("=i", 40)
        with pytest.raises(BlockingIOError):  # still open: a reader of none would see the end
            os.read(reader, 100)
        process.stdin.close()
        process.wait(60)
        assert os.read(reader, 100) == b"", "the wish outlived the process"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(reader)


def test_a_device_that_is_not_there_is_said_and_nothing_more(tmp_path: Path) -> None:
    fault = cpulatency.hold(0, tmp_path / "none")
    assert fault == f"{tmp_path / 'none'} could not be opened: No such file or directory"


def test_a_device_that_takes_no_wish_is_let_go_of() -> None:
    full = Path("/dev/full")
    assert cpulatency.hold(0, full) == "/dev/full took no wish: No space left on device"
