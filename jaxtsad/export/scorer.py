"""Scores data with an exported anomaly detector, by NumPy and onnxruntime or JAX.

    python scorer.py data.csv > scores.csv    a row of scores for each step or sample
    python scorer.py --check                  scores what was recorded at export again

Beside this file lies `manifest.json` and what it names. Steps come in order of time and
evenly; a cell that is empty or no number is missing. Higher is more anomalous, and
flagged is what is above the threshold. StableHLO needs jax and flatbuffers, ONNX
onnxruntime.

Shape letters: T steps, C channels, N windows or samples, L window length.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import io
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

RUNTIMES = {"onnx": "onnxruntime", "stablehlo": "jax"}


class Scorer:
    """An exported detector.

    Args:
        folder: Where `manifest.json` is.
        format: `onnx` or `stablehlo`; None for the first that can run here.

    Raises:
        ValueError: If files are missing or damaged, or nothing can run them.
    """

    def __init__(self, folder: str | pathlib.Path, format: str | None = None) -> None:
        self.folder = pathlib.Path(folder)
        self.manifest = _manifest(self.folder)
        self.format = _chosen(self.manifest["formats"], format)
        self._arrays = _arrays(self._read("arrays.npz"))
        self._programs: dict[str, Callable[..., np.ndarray]] = {}

    def scores(self, values: np.ndarray) -> np.ndarray:
        """One score per step of a series `[T, C]` or per sample `[N, ...]`.

        Raises:
            ValueError: If the shape differs from what was fitted on, there is nothing
                to score, or a sample holds a number that is not finite.
        """
        values = np.asarray(values)
        shape = tuple(self.manifest["input"]["shape"])
        if values.shape[1:] != shape or not len(values):
            raise ValueError(f"{values.shape=}, expected (any number, *{shape})")
        each = [self._component(one, values) for one in self.manifest["components"]]
        if self.manifest["join"] == "max":
            return np.asarray(np.max(each, axis=0))
        weights = np.array([one["weight"] for one in self.manifest["components"]])
        return np.asarray(weights.astype(np.float32) @ np.stack(each))

    def flags(self, scores: np.ndarray) -> np.ndarray:
        """1 where a score is above the threshold, else 0."""
        threshold = float(self.manifest["threshold"]["value"])
        return (np.asarray(scores, np.float64) > threshold).astype(np.int8)

    def check(self) -> float:
        """The largest difference from the library on recorded inputs.

        It is relative where scores are above 1.
        """
        recorded = _arrays(self._read("recorded.npz"))
        known = recorded["scores"].astype(np.float64)
        apart = np.abs(self.scores(recorded["values"]) - known)
        return float((apart / np.maximum(np.abs(known), 1.0)).max())

    def _component(self, one: dict[str, Any], values: np.ndarray) -> np.ndarray:
        how, scaler = one["program"], one["scaler"]
        if how["kind"] == "samples":
            if not np.isfinite(values).all():
                raise ValueError("a sample holds a number that is not finite")
            scaled = _scaled(scaler, values)
            made = self._rows(how, scaled)
        else:
            scaled = _scaled(scaler, _filled(values, np.array(scaler["middle"])))
            longer = _extended(scaled, how["window"], self._arrays.get(one["history"]))
            score = self._windows if how["kind"] == "windows" else self._pieces
            made = score(how, values=longer)[-len(scaled) :]
        if one["head"] is None:
            return made
        given = made if made.ndim == 2 else made[:, None]
        return self._pieces(one["head"], contributions=given, values=scaled)

    def _windows(self, how: dict[str, Any], values: np.ndarray) -> np.ndarray:
        """Scores of sliding windows by step, `[T]` or `[T, C]` contributions."""
        length, last = how["window"], len(values) - how["window"]
        starts = np.arange(0, last + 1, how["stride"])
        if how["tail"] and starts[-1] != last:
            starts = np.append(starts, last)
        windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
        rows = self._rows(how, windows.swapaxes(1, 2), starts)
        return _aggregated(rows, starts, len(values), length, how["aggregate"])

    def _rows(self, how: dict[str, Any], rows: Any, at: Any = None) -> np.ndarray:
        """What a program gives of rows `[N, ...]`, or of those at some places."""
        at = np.arange(len(rows)) if at is None else at
        run, batch, made = self._program(how["file"]), how["batch"], []
        for first in range(0, len(at), batch):
            some = rows[at[first : first + batch]]
            # By the number of a row a detector draws that draws at random.
            index = np.arange(first, first + batch, dtype=np.int32)
            made.append(run(values=_padded(some, batch), index=index)[: len(some)])
        return np.concatenate(made)

    def _pieces(self, how: dict[str, Any], **series: np.ndarray) -> np.ndarray:
        """What a program gives of a series, in pieces with the steps around that count.

        Pieces have one length; zeros follow the last.
        """
        steps, reach = how["steps"], how["reach"]
        total, at, made = len(series["values"]), 0, []
        run = self._program(how["file"])
        while at < total:
            start = max(0, at - reach)
            stop = min(total, start + steps)
            last = total if stop == total else stop - reach
            cut = {n: _padded(v[start:stop], steps) for n, v in series.items()}
            scores = run(**cut, length=np.array(stop - start, np.int32))
            made.append(scores[at - start : last - start])
            at = last
        return np.concatenate(made)

    def _program(self, name: str) -> Callable[..., np.ndarray]:
        if name not in self._programs:
            load = {"onnx": _onnx, "stablehlo": _stablehlo}[self.format]
            self._programs[name] = load(self._read(f"{name}.{self.format}"))
        return self._programs[name]

    def _read(self, name: str) -> bytes:
        """A file of the folder, whose checksum is compared."""
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != self.manifest["files"][name]:
            raise ValueError(f"{path} was changed or damaged; export again")
        return content


def _manifest(folder: pathlib.Path) -> Any:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        folders = manifest.get("entities", {})
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"{folder} holds no manifest.json: {error}") from None
    if folders:
        some = ", ".join(sorted(folders.values())[:8])
        raise ValueError(f"{folder} holds several entities; run the scorer of {some}")
    return manifest


def _chosen(formats: Sequence[str], format: str | None) -> str:
    able = [name for name in RUNTIMES if name in formats]
    if format is not None and format not in able:
        raise ValueError(f"{format=} was not exported; there is {', '.join(able)}")
    for name in able if format is None else [format]:
        if importlib.util.find_spec(RUNTIMES[name]) is not None:
            return name
    needed = " or ".join(RUNTIMES[name] for name in able)
    raise ValueError(f"scoring needs {needed}, which is not installed here")


def _onnx(content: bytes) -> Callable[..., np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options)
    names = [given.name for given in session.get_inputs()]

    def run(**arrays: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {n: arrays[n] for n in names})[0])

    return run


def _stablehlo(content: bytes) -> Callable[..., np.ndarray]:
    import jax
    from jax import export

    call = jax.jit(export.deserialize(bytearray(content)).call)
    return lambda **arrays: np.asarray(call(arrays))


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    more = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, more).astype(np.float32, copy=False)


def _filled(values: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """A series whose missing cells hold the last value before them.

    Those at the start take the first later value, those of a channel without any value
    the middle of what was fitted on.
    """
    known = np.isfinite(values)
    if known.all():
        return values
    if not known.any():
        raise ValueError(f"there is no finite value in {len(values)} steps")
    steps = np.arange(1, len(values) + 1)[:, None]
    source = np.maximum.accumulate(np.where(known, steps, 0), axis=0)
    first = values[known.argmax(axis=0), np.arange(values.shape[1])]
    first = np.where(known.any(axis=0), first, middle)
    return np.take_along_axis(np.concatenate([first[None], values]), source, axis=0)


def _scaled(scaler: dict[str, Any], values: np.ndarray) -> np.ndarray:
    wide = np.asarray(values, np.float64)
    if scaler["low"] is not None:
        wide = np.clip(wide, scaler["low"], scaler["high"])
    with np.errstate(over="ignore"):
        scaled = (wide - np.array(scaler["shift"])) / np.array(scaler["scale"])
    return np.clip(scaled, -scaler["limit"], scaler["limit"]).astype(np.float32)


def _extended(values: np.ndarray, length: int, history: Any) -> np.ndarray:
    """A series of at least one window.

    Before a shorter one stands what preceded the normal steps that are nearest to it.
    """
    missing = length - len(values)
    if missing <= 0:
        return values
    if history is None or len(history) < length:
        return np.concatenate([values[:1].repeat(missing, axis=0), values])
    places = len(history) - length + 1
    apart = np.zeros(places)
    for step, row in enumerate(values, missing):
        apart += np.square(history[step : step + places] - row).sum(axis=1)
    best = int(apart.argmin())
    return np.concatenate([history[best : best + missing], values])


def _aggregated(
    scores: np.ndarray, starts: np.ndarray, steps: int, length: int, how: str
) -> np.ndarray:
    """Scores of overlapping windows `[N, L, ...]` or `[N]` as one per step."""
    if scores.ndim == 1:
        scores = np.repeat(scores[:, None], length, axis=1)
    if how == "spread":
        scores = np.broadcast_to(scores.mean(axis=1, keepdims=True), scores.shape)
    step, ends = np.arange(steps), starts + length - 1
    if how in ("last", "center"):
        # The first window to end after a step, or the most central one.
        border = ((starts[:-1] + ends[:-1]) + (starts[1:] + ends[1:])) // 2
        last = how == "last"
        window = np.searchsorted(*((ends, step) if last else (border, 2 * step)))
        window = np.minimum(window, len(starts) - 1)
        offset = step - starts[window]
        taken = np.array(scores[window, np.clip(offset, 0, length - 1)])
        taken[(offset < 0) | (offset >= length)] = 0
        return taken
    total = np.full((steps, *scores.shape[2:]), -np.inf if how == "max" else 0.0)
    count = np.zeros(steps)
    for offset in range(length):
        where, join = starts + offset, np.maximum if how == "max" else np.add
        total[where] = join(total[where], scores[:, offset])
        count[where] += 1
    if how != "max":
        total /= np.maximum(count, 1).reshape(-1, *[1] * (total.ndim - 1))
    total[count == 0] = 0
    return total.astype(np.float32)


def read(path: str, given: dict[str, Any]) -> np.ndarray:
    """A `.npy` file, or columns of a CSV file by the names of the channels.

    Raises:
        ValueError: If columns are missing, or rows are of different lengths.
    """
    if path.endswith(".npy"):
        return np.asarray(np.load(path, allow_pickle=False))
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row] or [[]]
    names, titles = given["channels"], [title.strip() for title in rows[0]]
    lacking = [name for name in names or ["its channels"] if name not in titles]
    untitled = bool(lacking) and all(np.isfinite(_number(cell)) for cell in titles)
    untitled &= titles != [str(number) for number in range(len(titles))]
    columns = [titles.index(name) for name in names if not lacking]
    others = given["named"] and not untitled
    if lacking and (others or len(titles) != given["numbers"]):
        raise ValueError(f"{path} lacks {', '.join(lacking[:8])}")
    columns = columns or list(range(len(titles)))
    try:
        cells = [[_number(r[c]) for c in columns] for r in rows[not untitled :]]
    except IndexError:
        raise ValueError(f"{path} has rows of different lengths") from None
    values = np.array(cells, np.float64).reshape(len(cells), *given["shape"])
    return np.where(np.isin(values, given["missing"]), np.nan, values)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command line; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(description="Scores data, or checks the export.")
    parser.add_argument("data", nargs="?", help="CSV or npy file")
    parser.add_argument("--check", action="store_true", help="compare recorded scores")
    parser.add_argument("--format", choices=list(RUNTIMES), help="what to run")
    options = parser.parse_args(words)
    try:
        if not options.check and options.data is None:
            raise ValueError("name a file to score, or --check")
        scorer = Scorer(pathlib.Path(__file__).resolve().parent, options.format)
        if options.check:
            apart, most = scorer.check(), scorer.manifest["tolerance"]
            verdict = "agrees" if apart <= most else "does not agree"
            print(f"{scorer.format} {verdict}: largest difference {apart:.2g}")
            return int(not apart <= most)
        scores = scorer.scores(read(options.data, scorer.manifest["input"]))
    except (OSError, ValueError) as error:
        print(f"scorer: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["step", "score", "flag"])
    for step, row in enumerate(zip(scores, scorer.flags(scores), strict=True)):
        out.writerow([step, f"{row[0]:.9g}", row[1]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
