"""Reads a page as a browser would: its tags, its text, its tables."""

from __future__ import annotations

import html.parser
from xml.etree import ElementTree

from jaxtsad.reporting.plots import svg

VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(html.parser.HTMLParser):
    """Checks that every element closes, and gathers text by tag and class."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[tuple[str, ...], tuple[str, ...], str]] = []
        self.feed(text)
        self.close()
        assert not self.stack, f"never closed: {self.stack}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append((tag, dict(attrs).get("class") or ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        opened, _ = self.stack.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data):
        if data.strip():
            names = tuple(name for name, _ in self.stack)
            classes = tuple(kind for _, kind in self.stack)
            self.words.append((names, classes, data))

    def text(self, *, within: str = "", kind: str = "") -> str:
        """Text inside elements of a tag and class."""
        return " ".join(
            words
            for names, classes, words in self.words
            if (not within or within in names)
            and (not kind or any(kind in each.split() for each in classes))
            and "style" not in names
        )

    def count(self, tag: str) -> int:
        """How many elements of a tag there are."""
        return self.tags.count(tag)


def drawn(figure, label="a plot"):
    """A figure as SVG, which is checked to be XML."""
    text = svg.render(figure, label)
    ElementTree.fromstring(text)
    return text
