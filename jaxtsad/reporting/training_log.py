"""`metrics.jsonl`: what each epoch of each member gave, also in TensorBoard."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxtsad import files

METRICS = "metrics.jsonl"


class MetricsLog:
    """Writes `metrics.jsonl` and TensorBoard: each epoch of each member once.

    Args:
        folder: The run directory.
        members: Entity and seed of each member, in order.
        group: Name that keeps several fits of one run apart.
        board: Whether TensorBoard is written, too.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        members: list[tuple[str, int]],
        group: str,
        board: bool = True,
    ) -> None:
        self._path = folder / METRICS
        self._members, self._group = members, group
        self._events = folder / "tensorboard" / group
        self._board: Any = None
        self._draws = board

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
        if self._draws and self._board is None:
            self._board = _board(self._events)
        lines = []
        for record in records:
            entity, seed = self._members[record["member"]]
            numbers = {k: v for k, v in record.items() if k != "member"}
            row = {"group": self._group, "entity": entity, "seed": seed, **numbers}
            lines.append(json.dumps(files.plain(row)))
            self._draw(f"{entity}/{seed}", numbers)
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


def gather(folder: pathlib.Path, parts: Iterable[pathlib.Path]) -> None:
    """Writes `metrics.jsonl` of the logs of several hosts, each epoch once.

    Args:
        folder: The run directory.
        parts: Folders with a log each, of which a later one counts more.
    """
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for part in parts:
        for line in _whole_lines(part / METRICS):
            key = (line["group"], line["epoch"], line["entity"], line["seed"])
            lines[key] = line
    ordered = sorted(lines, key=lambda key: key[:2])
    text = "".join(f"{json.dumps(lines[key])}\n" for key in ordered)
    files.write_text(folder / METRICS, text)


def _whole_lines(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """The records of a log whose last line may be half written."""
    for line in path.read_text().splitlines() if path.is_file() else ():
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def records(folder: pathlib.Path) -> list[dict[str, Any]]:
    """What `metrics.jsonl` holds: `epoch`, `entity`, `seed` and further numbers.

    Args:
        folder: The run directory.

    Returns:
        A record for each epoch of each member; none where nothing was trained.

    Raises:
        ValueError: If a line is not an object with an epoch.
    """
    path = folder / METRICS
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = []
    for place, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            line = json.loads(content)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {place} is not JSON: {error}") from None
        if not isinstance(line, dict) or "epoch" not in line:
            raise ValueError(f"{path}, line {place} must be an object with an epoch")
        entity = line.get("entity") or "all entities"
        lines.append({"seed": 0, **line, "entity": entity})
    return lines
