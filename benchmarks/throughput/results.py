"""Results on disk: one JSON file per device, rows merged by suite and case."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import re
from collections.abc import Sequence
from typing import Any

from benchmarks.throughput.options import Row
from jaxtsad import files
from jaxtsad.ops import products

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
FOLDER = pathlib.Path(__file__).parents[1] / "results"


def slug() -> str:
    """Names the device: its kind (of a CPU its name, too), cores, version of JAX."""
    import jax

    cores = len(os.sched_getaffinity(0))
    kind = jax.devices()[0].device_kind
    if jax.default_backend() == "cpu":
        kind = " ".join([kind, processor(), *features()[-1:]])
    words = f"{kind} {cores} cores jax {jax.__version__}"
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def write(rows: Sequence[Row], folder: pathlib.Path) -> pathlib.Path:
    """Merges rows into the device's file, written beside and renamed.

    Returns:
        Path of the file.

    Raises:
        ValueError: If what is there is no results file.
    """
    path = folder / f"{slug()}.json"
    known = {"processor": processor(), "features": features()}
    document = {**known, "rows": merge(read(path), _dated(rows))}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    files.write_text(path, text)
    return path


def merge(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Rows ordered by suite; a new row takes the place of an old one of its case."""
    rows = {place(row): row for row in old}
    rows.update({place(row): row for row in new})
    return sorted(rows.values(), key=lambda row: row["suite"])


def processor() -> str:
    """Name of the CPU as the system tells it."""
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def of_machine(path: pathlib.Path) -> str:
    """A results file's processor and its features, as a paragraph of its page."""
    document = json.loads(path.read_text(encoding="utf-8"))
    words = [document.get("processor", "processor unknown")]
    return ", ".join([*words, *document.get("features", [])]) + "\n"


def features() -> list[str]:
    """What the CPU multiplies matrices by, the strongest last."""
    flags = products.cpu_flags()
    return [name for name in FEATURES if name in flags]


def read(path: pathlib.Path) -> list[Row]:
    """Rows of a results file, none where there is no file.

    Raises:
        ValueError: If what is there is no results file.
    """
    if not path.exists():
        return []
    try:
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))["rows"]
        for row in rows:
            place(row)
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} holds no benchmark results; move it away to start afresh"
        ) from None
    return rows


def place(row: Row) -> tuple[Any, ...]:
    """What tells a row from every other."""
    # The evaluation suite times each case at several lengths.
    return row["suite"], row["case"], row.get("steps")


def _dated(rows: Sequence[Row]) -> list[Row]:
    from jaxtsad.experiments import facts

    made: Row = {
        "measured": datetime.date.today().isoformat(),
        "revision": facts.revision(),
        "versions": facts.versions(),
    }
    return [{**row, **made} for row in rows]
