"""What a table is before it is Markdown or HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

Found: TypeAlias = Mapping[str, Any]
"""One data set's part of a report."""


class Text(NamedTuple):
    """One table: title, a sentence on how to read it, heads and lines."""

    title: str
    lead: str
    heads: tuple[str, ...]
    lines: list[tuple[str, ...]]
