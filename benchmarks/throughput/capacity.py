"""What a fleet of very many members would take, from small ones that are measured.

    python -m benchmarks.throughput.capacity

Fleets of 10, 100 and 1,000 members are fitted and scored, each in a process of its own.
Bytes and seconds grow by so much with each member; lines through these (least squares,
relative) are checked against a larger fleet that they were not fitted on, and continued
to the number that is planned for.
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.throughput import memory, results, sources
from jaxtsad import files

COUNTS, CHECKED, PLANNED = (10, 100, 1000), 2000, 100_000
QUICK_COUNTS, QUICK_CHECKED = (2, 4, 8), 12
STEPS, EPOCHS = 1000, 3
DETECTOR = "lstm_vae"
OPTIONS = {"hidden": 8, "latent": 2, "batch_size": 64}
WINDOW, STRIDE = 10, 2
HOST_GIB, HOURS = 64.0, 1.0
QUANTITIES = {
    "fit_bytes": "peak memory while fitting",
    "saved_bytes": "saved on disk",
    "train_s": "training",
    "fit_s": "all of `fit`: read, scale, compile, train, calibrate",
    "score_s": "scoring as many steps",
}
Point = Mapping[str, float]


class Line(NamedTuple):
    """What a quantity is without members, and by how much it grows with each."""

    start: float
    each: float

    def at(self, members: int) -> float:
        """What it is of so many members."""
        return self.start + self.each * members


def line(counts: Sequence[int], values: Sequence[float]) -> Line:
    """The line of least relative squares through points; neither part is below 0.

    Example:
        >>> line([10, 100, 1000], [12.0, 102.0, 1002.0])
        Line(start=2.0, each=1.0)
    """
    weights = 1 / np.asarray(values, float)
    each, start = np.polyfit(counts, values, 1, w=weights)
    if start < 0:
        start, each = 0.0, float(np.mean(np.asarray(values) / np.asarray(counts)))
    return Line(round(float(start), 9), round(float(each), 9))


def measure(members: int, steps: int, epochs: int) -> dict[str, float]:
    """Fits, scores and saves a fleet of one-channel series in this process."""
    from jaxtsad import TimeSeriesDetector
    from jaxtsad.training import fleet

    fleet.use_cores()
    names = [f"channel_{number}" for number in range(members)]
    each = enumerate(names)
    data = {name: sources.sines(steps, 1, seed) for seed, name in each}
    detector = TimeSeriesDetector(
        DETECTOR, window=WINDOW, stride=STRIDE, epochs=epochs, options=OPTIONS
    )
    mark = memory.begin()
    began = time.perf_counter()
    detector.fit(data)
    fit_s = time.perf_counter() - began
    peak = memory.end(mark)["peak_memory_bytes"]
    detector.decision_function(data)
    began = time.perf_counter()
    detector.decision_function(data)
    score_s = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        detector.save(f"{folder}/model")
        paths = pathlib.Path(folder).rglob("*")
        saved = sum(path.stat().st_size for path in paths if path.is_file())
    result = detector.fitted_.result
    return {
        "members": members,
        "fit_bytes": float(peak or math.nan),
        "saved_bytes": saved,
        "train_s": result.train_s,
        "fit_s": fit_s,
        "score_s": score_s,
        "windows": result.trained,
    }


def alone(members: int, steps: int, epochs: int) -> dict[str, float]:
    """Measures a fleet in a process of its own, whose memory holds nothing else."""
    words = ["--measure", str(members), "--steps", str(steps), "--epochs", str(epochs)]
    command = [sys.executable, "-m", "benchmarks.throughput.capacity", *words]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    point: dict[str, float] = json.loads(made.stdout.strip().splitlines()[-1])
    return point


def kept(path: pathlib.Path | None, size: Mapping[str, int]) -> dict[str, float] | None:
    """What was measured of a size before; None for nothing."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    for point in map(json.loads, lines):
        if all(point[name] == value for name, value in size.items()):
            return dict(point)
    return None


def report(
    points: Sequence[Point],
    check: Point,
    planned: int,
    steps: int,
    epochs: int,
    host_gib: float = HOST_GIB,
    hours: float = HOURS,
) -> str:
    """The plan as Markdown."""
    counts = [int(point["members"]) for point in points]
    lines = {name: line(counts, [p[name] for p in points]) for name in QUANTITIES}
    checked = int(check["members"])
    columns = [*(f"{count:,}" for count in counts), "at first", "each further member"]
    columns += [f"{checked:,} by the line", f"{checked:,} measured", "apart"]
    rows = []
    for name, title in QUANTITIES.items():
        by_line, real = lines[name].at(checked), check[name]
        cells = [written(name, point[name]) for point in points]
        cells += [written(name, lines[name].start), written(name, lines[name].each)]
        cells += [written(name, by_line), written(name, real)]
        cells.append(f"{100 * (by_line / real - 1):+.0f} %")
        rows.append(f"| {title} | {' | '.join(cells)} |")
    whole = {name: each.at(planned) for name, each in lines.items()}
    sizes = {name: written(name, size) for name, size in whole.items()}
    spent = (whole["fit_s"] + whole["score_s"]) / 3600
    for_memory = math.ceil(whole["fit_bytes"] / (host_gib * 2**30))
    hosts = max(for_memory, math.ceil(spent / hours))
    windows = sum(point["windows"] for point in points)
    rate = windows / sum(point["train_s"] for point in points)
    return "\n".join(
        [
            "# Capacity",
            "",
            f"By `python -m benchmarks.throughput.capacity` on {results.processor()}, "
            f"{results.slug()}. One `{DETECTOR}` a channel ({described()}), "
            f"{steps:,} steps each, {epochs} epochs, all in one program; every size "
            "in a process of its own, with programs that were compiled before.",
            "",
            f"| | {' | '.join(columns)} |",
            f"|---|{'---|' * len(columns)}",
            *rows,
            "",
            f"Lines are fitted on {', '.join(columns[: len(counts)])} members alone; "
            f"{checked:,} were measured to check them. Training goes at "
            f"{rate:,.0f} windows/s.",
            "",
            f"**{planned:,} channels** by these lines: {sizes['fit_bytes']} of memory "
            f"to fit them at once, {spent:.1f} hours on one such machine to fit and "
            f"score, {sizes['saved_bytes']} saved. Hosts with {host_gib:g} GiB: "
            f"{for_memory} by memory; {hosts} such machines to be done in {hours:g} h "
            f"(`jaxtsad run CONFIG --hosts {hosts}`). Seconds and bytes of data grow "
            "with the steps of a channel, training with epochs too.",
            "",
        ]
    )


def described() -> str:
    """The detector's sizes in words."""
    sizes = {"window": WINDOW, "stride": STRIDE, **OPTIONS}
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


def written(name: str, value: float) -> str:
    """A number with its unit.

    Example:
        >>> written("fit_bytes", 3 * 2**20), written("fit_s", 0.0042)
        ('3 MiB', '4.2 ms')
    """
    if name.endswith("_s"):
        return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the plan and writes it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput.capacity")
    add = parser.add_argument
    add("--planned", type=int, default=PLANNED, help="members planned for")
    add("--steps", type=int, default=STEPS, help="steps of a series (%(default)s)")
    add("--epochs", type=int, default=EPOCHS, help="%(default)s")
    add("--host-gib", type=float, default=HOST_GIB, help="memory of a host")
    add("--hours", type=float, default=HOURS, help="to be done in")
    add("--quick", action="store_true", help="does it work? nothing is written")
    add("--out", type=pathlib.Path, help="where it is written; results/capacity.md")
    add("--points", type=pathlib.Path, help="where sizes are kept, to go on from")
    add("--measure", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.measure is not None:
        print(json.dumps(measure(asked.measure, asked.steps, asked.epochs)))
        return 0
    counts, checked = (
        (QUICK_COUNTS, QUICK_CHECKED) if asked.quick else (COUNTS, CHECKED)
    )
    points = []
    for count in (*counts, checked):
        print(f"{count:,} members", file=sys.stderr)
        size = {"members": count, "steps": asked.steps, "epochs": asked.epochs}
        points.append(kept(asked.points, size) or alone(**size))
        if asked.points is not None and kept(asked.points, size) is None:
            with asked.points.open("a") as file:
                file.write(json.dumps({**points[-1], **size}) + "\n")
    plan = report(
        points[:-1],
        points[-1],
        asked.planned,
        asked.steps,
        asked.epochs,
        asked.host_gib,
        asked.hours,
    )
    print(plan)
    path = asked.out or (None if asked.quick else results.FOLDER / "capacity.md")
    if path is not None:
        files.write_text(path, plan)
    return 0


if __name__ == "__main__":
    sys.exit(main())
