"""The frame of a page that needs nothing else and asks for nothing."""

from __future__ import annotations

from importlib import resources

from jaxtsad.reporting import markup, svg
from jaxtsad.reporting.markup import Safe

# Nothing is loaded and nothing runs: names in the data can do no harm.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: object, *pieces: object) -> str:
    """A whole page around its pieces, with the style of the reports.

    Args:
        title: What the window is called.
        *pieces: The content.
    """
    style = resources.files("jaxtsad.reporting").joinpath("report.css")
    head = markup.join(
        [
            Safe('<meta charset="utf-8">'),
            Safe('<meta name="viewport" content="width=device-width,initial-scale=1">'),
            Safe(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            markup.element("title", f"{svg.plain(title, 80)} · jaxtsad"),
            Safe(f"<style>{style.read_text(encoding='utf-8')}</style>"),
        ]
    )
    body = markup.element("body", markup.element("main", *pieces))
    content = markup.element("head", head) + body
    return f'<!doctype html>\n<html lang="en">{content}</html>\n'


def section(title: str, *pieces: object, note: str = "") -> Safe:
    """A titled section, with a word on how to read it."""
    lead = [markup.element("p", note, class_="lead")] if note else []
    return markup.element("section", markup.element("h2", title), *lead, *pieces)


def figure(drawing: str, *, caption: str = "") -> Safe:
    """A drawing made by `svg.render`, with its caption above."""
    note = [markup.element("figcaption", caption)] if caption else []
    return markup.element("figure", *note, Safe(drawing))
