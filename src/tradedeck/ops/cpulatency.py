"""Keeps the CPUs of this host from sleeping deeply, where its administrator asked for it.

Linux lets a process bound how long a CPU may take to wake: it holds `/dev/cpu_dma_latency` open
with a number of microseconds, and the bound ends with the file (kernel documentation, "PM Quality
of Service"). An idle CPU that sleeps deeply adds some 0.1 ms to each wake-up and each fsync, and
an order waits for a handful of them; awake, it draws power. Never a reason not to trade.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

DEVICE = Path("/dev/cpu_dma_latency")


def hold(microseconds: int, device: Path = DEVICE) -> str:
    """Ask for CPUs that wake within `microseconds`, until this process ends.

    Args:
        microseconds: 0 keeps them awake.
        device: where the kernel takes the wish.

    Returns:
        What kept it from being done, as a sentence; empty when it is in force.
    """
    try:
        descriptor = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        return f"{device} could not be opened: {error.strerror}"
    try:
        os.write(descriptor, struct.pack("=i", microseconds))
    except OSError as error:
        os.close(descriptor)
        return f"{device} took no wish: {error.strerror}"
    return ""  # the descriptor stays open on purpose: the kernel forgets the wish with it
