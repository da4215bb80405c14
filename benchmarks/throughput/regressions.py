"""What became slower since an earlier results file: rates and whole times."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.throughput import results
from benchmarks.throughput.options import Row
from benchmarks.throughput.timing import rate

# A speed below this share of the earlier one is a regression.
LEAST = 0.9
ENDING = "_per_s"
# Seconds of rows, where less is better. Compile times vary too much to be compared.
TIMES = ("median_seconds", "fit_s")
OTHERS = ("torch_", "product_")


class Change(NamedTuple):
    """A rate, or a time in seconds, then and now.

    Attributes:
        suite: Of the row.
        case: Of the row.
        name: Of the rate or time.
        old: Then.
        new: Now.
    """

    suite: str
    case: str
    name: str
    old: float
    new: float

    @property
    def ratio(self) -> float:
        """Speed now over speed then."""
        if self.name in TIMES:
            return self.old / self.new
        return self.new / self.old

    @property
    def regressed(self) -> bool:
        """Whether it became slower by more than the machine's noise."""
        return self.ratio < LEAST

    def __str__(self) -> str:
        """One line."""
        mark = "  SLOWER" if self.regressed else ""
        return (
            f"{self.suite}: {self.case}: {self.name} {rate(self.old)} -> "
            f"{rate(self.new)} ({self.ratio:.2f}){mark}"
        )


def earlier(path: pathlib.Path) -> list[Row]:
    """Rows of an earlier results file, read before new ones take their places.

    Raises:
        ValueError: If there is no such file, or it holds no results.
    """
    if not path.is_file():
        raise ValueError(f"--compare {path}: there is no such file")
    return results.read(path)


def against(
    path: pathlib.Path, rows: Sequence[Row], known: Sequence[Row] | None = None
) -> list[Change]:
    """Changes of all rates and times that both have.

    Args:
        path: An earlier results file.
        rows: Measured now.
        known: Rows of that file; None reads them.

    Raises:
        ValueError: If the file holds no results, or none of these cases.
    """
    known = earlier(path) if known is None else known
    old = {results.place(row): row for row in known}
    found = [
        change
        for row in rows
        if results.place(row) in old
        for change in changes(old[results.place(row)], row)
    ]
    if not found:
        raise ValueError(f"--compare {path}: it has none of the cases measured now")
    return found


def changes(old: Row, new: Row) -> Iterator[Change]:
    """Changes of our speeds in one case; what others reach is no regression."""
    for name, value in new.items():
        if name.startswith(OTHERS) or not (name.endswith(ENDING) or name in TIMES):
            continue
        then = old.get(name)
        if isinstance(then, int | float) and then > 0 and value is not None:
            yield Change(new["suite"], new["case"], name, float(then), float(value))
