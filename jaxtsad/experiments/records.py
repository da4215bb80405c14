"""The files of a run directory, each written beside and renamed."""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import files

CONFIG, SCORES, REPORT = "config.toml", "scores.npz", "report.json"
METRICS = "metrics.jsonl"


class Scored(NamedTuple):
    """One model's scores on one entity's test part.

    Attributes:
        entity: Whose test part.
        detector: Name of the row.
        seed: Seed of the model.
        score: `[T]`, higher is more anomalous.
        label: `[T]` 0/1, or None where there are no labels.
        calibration: `[n]` scores the threshold is fitted on.
        role: What the calibration scores were cut for: fit or validation.
        shares: `[T, C]` each channel's share of the score, or None.
    """

    entity: str
    detector: str
    seed: int
    score: np.ndarray
    label: np.ndarray | None
    calibration: np.ndarray
    role: str
    shares: np.ndarray | None = None

    def contributions(self) -> np.ndarray | None:
        """Each channel's part of the score `[T, C]`, or None where it is not known."""
        if self.shares is None:
            return None
        return self.shares.astype(np.float64) * self.score[:, None]


# Studies still write through these names.
atomically = files.write
write_text = files.write_text
write_json = files.write_json
write_arrays = files.write_arrays


def write_scores(
    path: pathlib.Path, scored: Iterable[Scored], values: Mapping[str, np.ndarray]
) -> None:
    """Writes all scores, and the plotted channels `[T, K]` by entity."""
    arrays: dict[str, np.ndarray] = {}
    for one in scored:
        key = f"{one.entity}/{one.detector}/{one.seed}"
        arrays[f"{key}/score"] = one.score.astype(np.float32)
        if one.label is not None:
            arrays[f"{key}/label"] = one.label.astype(np.int8)
        arrays[f"{key}/calibration"] = one.calibration.astype(np.float32)
        arrays[f"{key}/role"] = np.array(one.role)
        if one.shares is not None:
            arrays[f"{key}/shares"] = one.shares.astype(np.float16)
    for entity, array in values.items():
        arrays[f"{entity}/values"] = array.astype(np.float32)
    files.write_arrays(path, arrays)


def read_scores(path: pathlib.Path) -> tuple[list[Scored], dict[str, np.ndarray]]:
    """Reads what `write_scores` wrote.

    Raises:
        ValueError: If the file is missing, corrupt or of another layout.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise ValueError(f"{str(path.parent)!r} holds no {path.name}") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from None
    values = {
        key.removesuffix("/values"): array
        for key, array in arrays.items()
        if key.endswith("/values") and key.count("/") == 1
    }
    scored = []
    for key in arrays:
        if not key.endswith("/score"):
            continue
        stem = key.removesuffix("/score")
        entity, detector, seed = stem.rsplit("/", 2)
        try:
            scored.append(
                Scored(
                    entity,
                    detector,
                    int(seed),
                    arrays[key],
                    arrays.get(f"{stem}/label"),
                    arrays[f"{stem}/calibration"],
                    str(arrays[f"{stem}/role"]),
                    arrays.get(f"{stem}/shares"),
                )
            )
        except KeyError as error:
            raise ValueError(f"{str(path)!r} lacks {error}") from None
    return scored, values


class MetricsLog:
    """`metrics.jsonl` and TensorBoard: each epoch of each member once.

    Args:
        folder: The run directory.
        members: Entity and seed of each member, in order.
        group: Name that keeps several fits of one run apart.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        members: list[tuple[str, int]],
        group: str,
    ) -> None:
        self._path = folder / METRICS
        self._members, self._group = members, group
        self._events = folder / "tensorboard" / group
        self._board: Any = None

    def resumed(self, epochs: int) -> None:
        """Forgets epochs from `epochs` on, which will be trained again."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        kept = [line for line in lines if self._keeps(line, epochs)]
        files.write_text(self._path, "".join(f"{line}\n" for line in kept))

    def _keeps(self, line: str, epochs: int) -> bool:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            return False
        return bool(record.get("group") != self._group or record["epoch"] < epochs)

    def epoch(self, records: list[dict[str, Any]]) -> None:
        """Adds the records of one epoch."""
        self._board = self._board or _board(self._events)
        lines = []
        for record in records:
            entity, seed = self._members[record["member"]]
            rest = {k: v for k, v in record.items() if k != "member"}
            row = {"group": self._group, "entity": entity, "seed": seed, **rest}
            lines.append(json.dumps(files.plain(row)))
            self._draw(f"{entity}/{seed}", rest)
        try:
            with open(self._path, "a") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise ValueError(f"cannot write {str(self._path)!r}: {error}") from None

    def _draw(self, tag: str, record: Mapping[str, Any]) -> None:
        if self._board is not None:
            for name, value in record.items():
                if name != "epoch" and isinstance(value, float):
                    self._board.add_scalar(f"{tag}/{name}", value, record["epoch"])

    def close(self) -> None:
        """Flushes what TensorBoard has."""
        if self._board is not None:
            self._board.close()


def _board(folder: pathlib.Path) -> Any:
    """A TensorBoard writer, or None where tensorboardX is not installed."""
    try:
        import tensorboardX
    except ModuleNotFoundError:
        return None
    return tensorboardX.SummaryWriter(str(folder))
