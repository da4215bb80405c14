"""Scores of files too large to be held: read, scored and written in parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from jaxtsad import blocks, files


def score(
    detector: Any, path: str, how: Mapping[str, Any], out: str
) -> tuple[int, int]:
    """Writes scores and flags of a file as CSV, as if it were scored whole.

    Args:
        detector: A fitted `TimeSeriesDetector` of one model.
        path: The file.
        how: How it is read.
        out: Where the scores go.

    Returns:
        Numbers of steps flagged and of all.

    Raises:
        ValueError: If the file cannot be read in parts, or the detector has several
            models.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    from jaxtsad.cli import notes
    from jaxtsad.datasets.reading import tabular
    from jaxtsad.pipeline.chunked import ChunkedScores

    if len(detector.fitted_.members) > 1:
        raise ValueError(
            f"{path} is read in parts, by one model; this one has "
            f"{len(detector.fitted_.members)}, one per entity"
        )
    names = tuple(detector.feature_names_in_)
    rows = max(10 * detector.window, blocks.CELLS // len(names))
    scorer = ChunkedScores(detector.fitted_, 0)
    columns = (TextColumn("{task.description} {task.completed:,.0f} steps"),)
    writer = _Writer(detector.fitted_.thresholds[0])

    def fill(file: IO[bytes]) -> None:
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("scoring", total=None)
            for number, piece in enumerate(tabular.chunks(path, rows, **how)):
                if not number:
                    notes.tell(piece.notes)
                writer.expect(piece)
                writer.write(file, scorer.add(piece.ordered(names).values))
                shown.advance(task, len(piece))
            writer.write(file, scorer.finish())

    files.write(out, fill)
    return writer.flagged, writer.steps


class _Writer:
    """Rows of time, step, score and flag, of steps in order."""

    def __init__(self, threshold: Any) -> None:
        self.threshold = threshold
        self.steps = self.flagged = 0
        self.times: Any = None

    def expect(self, piece: Any) -> None:
        """Takes the time stamps of steps whose scores are still to come."""
        stamps = piece.stamps()
        if stamps is not None:
            self.times = stamps if self.times is None else self.times.append(stamps)

    def write(self, file: IO[bytes], scores: Any) -> None:
        """Writes the next steps' rows; the first have titles above them."""
        from jaxtsad.estimator import results

        if not len(scores):
            return
        flags, time = self.threshold.flags(scores), None
        if self.times is not None:
            time, self.times = self.times[: len(scores)], self.times[len(scores) :]
        table = results.score_rows(scores, flags, time, self.steps)
        file.write(table.to_csv(index=False, header=not self.steps).encode())
        self.steps += len(scores)
        self.flagged += int(flags.sum())
