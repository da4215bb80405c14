"""Small pieces of HTML; every text that comes from data is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence


class Safe(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


class Number(str):
    """A number that is written already."""

    __slots__ = ()


def text(value: object) -> Safe:
    r"""A value as escaped text.

    Example:
        >>> text("<b> & \"c\"")
        '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return value if isinstance(value, Safe) else Safe(html.escape(str(value)))


def element(name: str, *children: object, **attributes: str | None) -> Safe:
    """An element around its children; a trailing underscore in a name is dropped.

    Example:
        >>> element("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    words = "".join(
        f' {key.rstrip("_")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Safe(f"<{name}{words}>{''.join(map(text, children))}</{name}>")


def join(pieces: Iterable[object]) -> Safe:
    """Pieces one after another."""
    return Safe("".join(map(text, pieces)))


def table(heads: Sequence[object], lines: Iterable[Sequence[object]]) -> Safe:
    """A table in a box of its own that scrolls; numbers go to the right."""
    lines = list(lines)
    first = lines[0] if lines else heads
    head = element(
        "tr",
        *(
            element("th", name, scope="col", class_=_kind(value))
            for name, value in zip(heads, first, strict=True)
        ),
    )
    body = (element("tr", *map(_cell, line)) for line in lines)
    inner = element("table", element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll")


def _cell(value: object) -> Safe:
    shown = f"{value:,}" if isinstance(value, int) else value
    return element("td", shown, class_=_kind(value))


def _kind(value: object) -> str | None:
    return "number" if isinstance(value, int | float | Number) else None


def tile(title: object, value: object, below: object) -> Safe:
    """A number that is read at a glance, between its name and a remark."""
    return element(
        "div",
        element("span", title, class_="name"),
        element("span", value, class_="value"),
        element("span", below, class_="below"),
        class_="tile",
    )


def facts(title: str, values: Mapping[str, object]) -> Safe:
    """A titled list of names and values; nested mappings become dotted names."""
    lines = [
        join([element("dt", name), element("dd", value)])
        for name, value in _flat(values)
    ]
    if not lines:
        return Safe("")
    inner = [element("h3", title)] * bool(title) + [element("dl", *lines)]
    return element("section", *inner, class_="facts")


def _flat(values: Mapping[str, object], start: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{start}{name}.")
        elif isinstance(value, list | tuple):
            found.append((start + name, ", ".join(map(str, value)) or "none"))
        elif isinstance(value, float):
            found.append((start + name, f"{value:,.6g}"))
        elif isinstance(value, int) and not isinstance(value, bool):
            found.append((start + name, f"{value:,}" if value >= 10_000 else value))
        elif value not in (None, ""):
            found.append((start + name, value))
    return found


def details(summary: object, *children: object) -> Safe:
    """Children that open on demand."""
    return element("details", element("summary", summary), *children)
