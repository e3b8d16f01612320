"""Closed vocabularies: enums that are strings, at the speed of strings.

`enum.Enum` hashes in Python, by name; every dict that a word is a key of pays for it on each
order. A word equals its text, so it hashes like its text.
"""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """Base of the vocabularies that orders and fills are made of."""

    __hash__ = str.__hash__
