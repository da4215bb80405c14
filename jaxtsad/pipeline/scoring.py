"""Scoring parts of data with trained members, long ones in pieces."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxtsad.ops import aggregate, windows
from jaxtsad.pipeline import ensembles, heads
from jaxtsad.pipeline.members import Fitted, scoring_keys, subset, test_part
from jaxtsad.pipeline.setup import per_sample, view
from jaxtsad.training import fleet
from jaxtsad.training import scoring as training
from jaxtsad.types import Scores, Split

CHUNK = 2**16
"""Steps or samples that are scored at a time; results do not depend on it."""
CELLS = 2**19
"""Values that a detector of whole series sees at a time, about."""


class Piece(NamedTuple):
    """What is scored at a time of one part.

    Attributes:
        part: Steps or samples of the part.
        first: Number of its first window or sample within the part.
        final: The steps of the piece that no window outside of it covers.
    """

    part: Split
    first: int
    final: slice


def run_detector(
    fitted: Fitted,
    parts: Sequence[Split],
    output: str = "score",
    first: Sequence[int] | None = None,
) -> tuple[Any, Any]:
    """Runs a detector over all windows or samples of one scaled part per member.

    Args:
        fitted: The members.
        parts: One scaled part per member, of series at least one window long.
        output: `score`, `explain` or `inspect`; see `training.scoring.run`.
        first: The number of each part's first window or sample; None for 0.

    Returns:
        What the detector gives, `[M, N, ...]`, and the stacked view it is of.
    """
    setup = fitted.setup
    stride = setup.scoring_stride
    parts = [part.map(np.asarray) for part in parts]
    views = [view(setup, fitted.layout, [part], stride=stride) for part in parts]
    longest = fleet.bucket(max(len(part) for part in parts))
    # All parts of one bucket have one shape, whatever their number of windows.
    each = (longest - setup.window) // stride + 2 if setup.series else longest
    least = dict.fromkeys(views[0].ARRAYS, max(1, each))
    per_part = max(1, len(views[0].values) // max(1, len(parts[0])))
    stacked = fleet.stack(views, least=least | {"values": longest * per_part})
    values = training.run(
        scoring_keys(fitted.members),
        fitted.detector,
        fitted.model,
        stacked,
        batch_size=setup.scoring_batch_size,
        output=output,
        members=setup.plan.members,
        counts=np.array([each.size for each in views]),
        first=None if first is None else np.array(first),
    )
    return values, stacked


def outputs(fitted: Fitted, parts: Sequence[Split], output: str) -> list[Any]:
    """What the detector gives of each sample of one scaled part per member.

    Returns:
        One tree of arrays `[N, ...]` per part.
    """

    def of_pieces(some: Fitted, pieces: Sequence[Piece]) -> list[Any]:
        cut = [piece.part for piece in pieces]
        values, _ = run_detector(some, cut, output, [piece.first for piece in pieces])
        return [
            jax.tree.map(operator.itemgetter((i, slice(len(part)))), values)
            for i, part in enumerate(cut)
        ]

    chunks = [
        [
            Piece(_slice(part, at, at + CHUNK), at, slice(None))
            for at in range(0, len(part), CHUNK)
        ]
        for part in parts
    ]
    return _by_pieces(fitted, chunks, of_pieces)


def _slice(part: Split, start: int, stop: int) -> Split:
    """Some of the steps, without breaks."""
    return part.map(lambda values: values[start:stop], ())


def pieces_of(part: Split, length: int, stride: int, tail: bool) -> list[Piece]:
    """Cuts a long series into pieces whose windows are those of the whole.

    Args:
        part: A series, each piece of which between breaks holds at least one window.
        length: Window length L in steps.
        stride: Gap between windows.
        tail: Whether one more window covers the last steps.

    Returns:
        Pieces of at most about `CHUNK` steps; every step is final in exactly one.
    """
    steps = len(part)
    chunk = max(CHUNK, 8 * length)
    if steps <= chunk:
        return [Piece(part, 0, slice(0, steps))]
    if part.breaks:
        between, first = [], 0
        for begin, end in part.pieces:
            alone = _slice(part, begin, end)
            for piece in pieces_of(alone, length, stride, tail):
                between.append(piece._replace(first=first + piece.first))
            first += len(windows.starts_of(end - begin, length, stride, tail))
        return between
    pieces, begin = [], 0
    while begin < steps:
        number = max(0, -(-(begin - length + 1) // stride))
        start, end = number * stride, min(steps, begin + chunk - 2 * length)
        last = number + (end - 1 - start) // stride
        stop = last * stride + length
        if stop > steps or end + length > steps:
            end, stop = steps, steps
        final = slice(begin - start, end - start)
        pieces.append(Piece(_slice(part, start, stop), number, final))
        begin = end
    return pieces


def _by_pieces(
    fitted: Fitted,
    pieces: Sequence[Sequence[Piece]],
    function: Callable[[Fitted, Sequence[Piece]], list[Any]],
) -> list[Any]:
    """Results of all pieces of one part per member, joined along their first axis.

    Pieces of similar length are run together, one of each part at a time.
    """
    results: list[list[Any]] = [[] for _ in pieces]
    for turn in range(max(len(each) for each in pieces)):
        places = [i for i, each in enumerate(pieces) if len(each) > turn]
        lengths = [len(pieces[i][turn].part) for i in places]
        for group in fleet.similar(lengths):
            chosen = [places[i] for i in group]
            run = [pieces[i][turn] for i in chosen]
            made = function(subset(fitted, chosen), run)
            for i, result in zip(chosen, made, strict=True):
                results[i].append(result)
    return [
        jax.tree.map(lambda *leaves: np.concatenate(leaves), *each)
        if len(each) > 1
        else each[0]
        for each in results
    ]


def detected(
    fitted: Fitted,
    parts: Sequence[Split],
    output: str = "score",
    first: Sequence[int] | None = None,
) -> list[np.ndarray]:
    """A detector's own scores or explanations of one scaled part per member.

    A series, or piece between gaps, shorter than the window is extended on the left by
    `windows.extend`, and only its own steps are returned. Long parts go in pieces.

    Args:
        fitted: The members.
        parts: One scaled part per member.
        output: `score` or `explain`.
        first: Of series, the number of each part's first window; None for 0.

    Returns:
        Of series `[T]` scores or `[T, C]` explanations, of samples `[N]` or `[N, ...]`,
        one array per part.
    """
    setup = fitted.setup
    if not setup.series:
        shape = fitted.layout.shape
        return [per_sample(o, shape, output) for o in outputs(fitted, parts, output)]
    length = setup.window

    def of_pieces(some: Fitted, pieces: Sequence[Piece]) -> list[np.ndarray]:
        cut = [piece.part for piece in pieces]
        numbers = [piece.first for piece in pieces]
        scores, stacked = run_detector(some, cut, output, numbers)
        per_step = (
            aggregate.aggregate(
                scores[index],
                stacked.starts[index],
                stacked.weight[index],
                steps=stacked.values.shape[1],
                length=length,
                how=setup.aggregate,
            )
            for index in range(len(pieces))
        )
        each = zip(per_step, pieces, strict=True)
        return [np.asarray(steps)[piece.final] for steps, piece in each]

    histories = fitted.history or [None] * len(parts)
    longer = [
        windows.extend_part(part, length, history)
        for part, history in zip(parts, histories, strict=True)
    ]
    if fitted.detector.series is not None:
        scores = _of_whole(fitted, [part for part, _ in longer], output)
        each = zip(scores, longer, strict=True)
        return [values[given] for values, (_, given) in each]
    pieces = [
        [piece._replace(first=number + piece.first) for piece in cut]
        for number, cut in zip(
            first or [0] * len(longer),
            (
                pieces_of(part, length, setup.scoring_stride, setup.tail)
                for part, _ in longer
            ),
            strict=True,
        )
    ]
    scores = _by_pieces(fitted, pieces, of_pieces)
    return [values[given] for values, (_, given) in zip(scores, longer, strict=True)]


def aggregated(
    fitted: Fitted, parts: Sequence[Split], output: str = "score"
) -> list[np.ndarray]:
    """Scores or explanations of one scaled part per member, by its score head.

    Args:
        fitted: The members.
        parts: One scaled part per member.
        output: `score` or `explain`.

    Returns:
        As `detected` does.
    """
    if fitted.components:
        return _of_ensemble(fitted, parts, output)
    if fitted.head is None:
        return detected(fitted, parts, output)
    setup = fitted.setup
    given = detected(fitted, parts, heads.source(setup, output))
    return heads.apply(setup, fitted.head, parts, given, output)


def _of_ensemble(
    fitted: Fitted, parts: Sequence[Split], output: str
) -> list[np.ndarray]:
    """Joined scores or explanations of one part per member, not yet scaled."""
    each = []
    for component in fitted.components:
        scaled = [
            test_part(component, i, part.entity, part.values, part.breaks)
            for i, part in enumerate(parts)
        ]
        explains = output == "explain" and component.explains
        explained = aggregated(component, scaled, output) if explains else None
        each.append((aggregated(component, scaled), explained))
    return ensembles.outputs(fitted.setup, fitted.joint, each, output)


def _of_whole(fitted: Fitted, parts: Sequence[Split], output: str) -> list[np.ndarray]:
    """Scores or explanations of one part per member by `Detector.series`.

    Pieces of similar length are run together, at least as many as there are devices.
    """
    share = max(1, jax.local_device_count() // len(parts))
    pieces = [_pieces_with_ends(part, fitted.detector.reach, share) for part in parts]
    flat = [(member, piece) for member, some in enumerate(pieces) for piece in some]
    together = max(len(parts), jax.local_device_count())
    made: list[Any] = [None] * len(flat)
    for group in fleet.similar([len(piece.part) for _, piece in flat]):
        for first in range(0, len(group), together):
            chosen = group[first : first + together]
            some = subset(fitted, [flat[i][0] for i in chosen])
            results = _whole(some, [flat[i][1] for i in chosen], output)
            for i, result in zip(chosen, results, strict=True):
                made[i] = result
    ends = np.cumsum([len(some) for some in pieces])
    return [
        np.concatenate(made[end - len(some) : end])
        for end, some in zip(ends, pieces, strict=True)
    ]


def _pieces_with_ends(part: Split, reach: int, share: int) -> list[Piece]:
    """Cuts a series at its gaps, and into pieces with the steps around that count.

    Args:
        part: The series.
        reach: Steps on both sides of a step that its score depends on.
        share: Devices that there are for it; a long series is cut into as many pieces,
            or more.
    """
    cells = part.values.size // share + 2 * reach * part.values.shape[1]
    cells = min(CELLS, max(cells, CELLS // 8))
    # Rounded up to a power of two steps.
    whole = fleet.bucket(max(cells // part.values.shape[1], 8 * reach))
    pieces = []
    for begin, end in part.pieces:
        at = begin
        while at < end:
            start = max(begin, at - reach)
            stop = min(end, start + whole)
            last = end if stop == end else stop - reach
            piece = _slice(part, start, stop)
            pieces.append(Piece(piece, 0, slice(at - start, last - start)))
            at = last
    return pieces


def _whole(fitted: Fitted, pieces: Sequence[Piece], output: str) -> list[np.ndarray]:
    """Scores or explanations of pieces, one per member."""
    lengths = [len(piece.part) for piece in pieces]
    longest = fleet.bucket(max(lengths))
    values = fleet.padded([piece.part.values for piece in pieces], longest)
    scores = training.run_series(
        fitted.detector,
        fitted.model,
        values,
        np.array(lengths),
        output=output,
        members=fitted.setup.plan.members,
    )
    return [s[piece.final] for s, piece in zip(scores, pieces, strict=True)]


def score(fitted: Fitted, parts: Sequence[Split]) -> list[Scores]:
    """Scores one scaled part per member: every step or sample at its own index."""
    return [
        part.scored(values)
        for part, values in zip(parts, aggregated(fitted, parts), strict=True)
    ]
