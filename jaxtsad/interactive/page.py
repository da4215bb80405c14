"""The page: what is drawn as JSON, and the script and style that draw it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.interactive import pyramid

HERE = pathlib.Path(__file__).parent
SCRIPTS = ("uplot", "rows", "charts", "marks", "events", "page")


@dataclasses.dataclass(frozen=True, eq=False)
class Page:
    """A page as text; a notebook shows it.

    Attributes:
        text: All of it.
    """

    text: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file.

        Raises:
            ValueError: If the file cannot be written.
        """
        files.write_text(path, self.text)

    def _repr_html_(self) -> str:
        content = html.escape(self.text)
        look = "width:100%;height:900px;border:0"
        return f'<iframe srcdoc="{content}" style="{look}"></iframe>'


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """What one detector says of a recording.

    Attributes:
        name: The detector's.
        scores: `[T]`, higher is more anomalous.
        threshold: Above it an event opens.
        closes: At or below it an event closes.
        gap: Steps below over which an event goes on.
        shortest: Consecutive steps above the threshold that an event needs.
        cool_down: Steps after an event in which no other opens.
        option: How the rules are written, with `{opens}`, `{closes}` and `{gap}` for
            their values; that of `jaxtsad events`, or words.
        events: Found events, `start stop severity channels shares` and so on, and
            `associations` (`pipeline.inspection.associations`).
    """

    name: str
    scores: np.ndarray
    threshold: float
    closes: float | None = None
    gap: int = 0
    shortest: int = 1
    cool_down: int = 0
    option: str = "above {opens} until {closes}, joined over {gap} steps"
    events: Sequence[Mapping[str, Any]] = ()


def page(
    title: str,
    values: np.ndarray,
    channels: Sequence[str],
    *,
    time: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    scored: Sequence[Scored] = (),
    borders: Sequence[int] = (),
    jumps: Sequence[int] = (),
    group: str | None = None,
    entity: str | None = None,
    above: str = "",
    below: str = "",
) -> Page:
    """One self-contained page, which asks for nothing from anywhere.

    Args:
        title: Name of the recording.
        values: `[T, C]` in units of the data.
        channels: Names of the channels.
        time: `[T]` stamps, dates or numbers; None for steps.
        labels: `[T]`, 1 where anomalous; None where nothing is known.
        scored: What detectors say of it, the main one first.
        borders: Steps at which a part begins, such as the test part.
        jumps: Increasing steps before which time jumps; no event crosses one.
        group: What marks are kept by in the browser; None for the title.
        entity: Which of the group this is: marks are saved with those of the others.
        above: HTML to be put above, whose texts are escaped already.
        below: The same, put below.

    Raises:
        ValueError: If shapes do not fit.
    """
    steps = len(values)
    for one in scored:
        if np.shape(one.scores) != (steps,):
            shape = np.shape(one.scores)
            raise ValueError(f"scores of {one.name} are {shape}, expected ({steps},)")
    if labels is not None and np.shape(labels) != (steps,):
        raise ValueError(f"labels are {np.shape(labels)}, expected ({steps},)")
    bucket = pyramid.bucket_of(steps, values.shape[1] + len(scored))
    about = {
        **named(title, group, entity),
        "steps": steps,
        "bucket": bucket,
        "borders": [int(step) for step in borders],
        "jumps": [int(step) for step in jumps],
        "time": _time(time),
        "channels": [
            {"name": str(name), **pyramid.row(column, bucket)}
            for name, column in zip(channels, np.asarray(values).T, strict=True)
        ],
        "labels": None if labels is None else _runs(np.asarray(labels)),
        "scored": [_scored(one, bucket) for one in scored],
    }
    return Page(frame(title, about, above=above, below=below)[0])


def live(title: str, channels: Sequence[str], base: str) -> tuple[Page, str]:
    """The page of a server: it is empty at first and fills as rows come.

    It holds no data, which it asks the server for, with a token where one is needed.

    Args:
        title: What is watched.
        channels: Names of the channels.
        base: Path below which `recent`, `events` and `live` are (`serving.app`).

    Returns:
        The page and the content security policy it goes with.
    """
    empty = np.zeros(0)
    about = {
        **named(title, None, None),
        "steps": 0,
        "bucket": 1,
        "borders": [],
        "jumps": [],
        "time": None,
        "channels": [{"name": str(n), **pyramid.row(empty, 1)} for n in channels],
        "labels": None,
        "scored": [_scored(Scored("score", empty, 0.0), 1)],
        "live": {"base": base},
    }
    names = (*SCRIPTS, "live")
    text, policy = frame(title, about, names, ("live", "page"), asks=True)
    return Page(text), policy


def named(title: str, group: str | None, entity: str | None) -> dict[str, Any]:
    """What a page is called and what its marks are kept by, see `page`."""
    return {
        "title": title,
        "group": title if group is None else group,
        "entity": entity,
    }


def _scored(one: Scored, bucket: int) -> dict[str, Any]:
    return {
        "name": one.name,
        "threshold": float(one.threshold),
        "closes": float(one.threshold if one.closes is None else one.closes),
        "gap": int(one.gap),
        "shortest": int(one.shortest),
        "pause": int(one.cool_down),
        "option": one.option,
        "events": [_plain(event) for event in one.events],
        **pyramid.row(one.scores, bucket),
    }


def _plain(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as JSON can hold it."""
    kept: dict[str, Any] = {}
    for name in ("start", "stop", "peak"):
        if name in event:
            kept[name] = int(event[name])
    for name in ("severity", "score", "probability"):
        if name in event and np.isfinite(event[name]):
            kept[name] = float(event[name])
    for name in ("channels", "shares"):
        given = event.get(name)
        if isinstance(given, str):
            kept[name] = given.split(";") if given else []
        elif given is not None and not np.isscalar(given):
            kept[name] = [
                each if isinstance(each, str) else float(each) for each in given
            ]
    if event.get("associations"):
        kept["associations"] = dict(event["associations"])
    return kept


def _time(time: np.ndarray | None) -> dict[str, Any] | None:
    """Stamps as seconds from 1970 or numbers, value by value or even.

    Long rows of stamps are as good as even between every so many of them.
    """
    if time is None or len(time) == 0:
        return None
    given = np.asarray(time)
    dates = given.dtype.kind == "M" or given.dtype == object
    if dates:
        stamps = pd.DatetimeIndex(pd.to_datetime(given, utc=True)).tz_localize(None)
        numbers = stamps.to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9
    else:
        numbers = given.astype(np.float64)
    places = np.unique(np.linspace(0, len(numbers) - 1, 4096).round().astype(int))
    return {
        "dates": bool(dates),
        "places": places.tolist(),
        "stamps": numbers[places].tolist(),
    }


def _runs(labels: np.ndarray) -> list[list[int]]:
    """Runs `[start, stop)` of 1."""
    edges = np.diff(np.concatenate([[0], (labels != 0).astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return np.stack([starts, stops], axis=1).tolist()


def frame(
    title: str,
    about: Mapping[str, Any],
    scripts: Sequence[str] = SCRIPTS,
    pieces: Sequence[str] = ("page",),
    *,
    asks: bool = False,
    above: str = "",
    below: str = "",
) -> tuple[str, str]:
    """A page's text and its content security policy.

    Args:
        title: Its heading.
        about: What its scripts draw, as JSON can hold it.
        scripts: Names of our scripts, in order.
        pieces: Names of pieces of HTML, in order.
        asks: Whether it asks its server for data.
        above: HTML above these pieces.
        below: HTML below them.
    """
    code = [(HERE / f"{name}.js").read_text("utf-8") for name in scripts]
    styles = [(HERE / f"{name}.css").read_text("utf-8") for name in ("uplot", "page")]
    # A name may hold what would end the element.
    content = json.dumps(about, allow_nan=False).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, code))}; "
        f"style-src {' '.join(map(_hash, styles))}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    if asks:
        policy += "; connect-src 'self'"
    name = html.escape(title)
    body = [(HERE / f"{part}.html").read_text("utf-8") for part in pieces]
    text = "".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{name}</title>\n",
            *(f"<style>{style}</style>\n" for style in styles),
            f"<h1>{name}</h1>\n",
            above,
            *body,
            below,
            f'<script type="application/json" id="about">{content}</script>\n',
            *(f"<script>{script}</script>\n" for script in code),
            "</html>\n",
        ]
    )
    return text, policy


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
