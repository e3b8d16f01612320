"""Tradedeck, the control plane for live algorithmic trading."""

from __future__ import annotations

__version__ = "0.1.0"
