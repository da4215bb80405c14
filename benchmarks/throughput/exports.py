"""How far exported detectors are from the library, in processes without it.

    python -m benchmarks.throughput.exports --onnx-python ENV/bin/python

Every detector is fitted, exported and checked by its own `scorer.py --check`: as
StableHLO in a process that cannot import this package, as ONNX in one that cannot
import JAX either, best an environment with NumPy and onnxruntime alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.throughput import results, sources
from jaxtsad import files
from jaxtsad.export.folder import COMPOSED, TOLERANCE

WEB_BYTES = 5 * 2**20
"""Packed bytes that a page may load without a thought: about a large photograph."""
FORMATS = {"stablehlo": ("jaxtsad",), "onnx": ("jaxtsad", "jax")}
"""By format what the process that runs it cannot import."""
RUN = (
    "import runpy, sys; [sys.modules.update({{name: None}}) for name in {hidden}]; "
    "sys.argv = ['scorer.py', '--check', '--format', {format!r}]; "
    "runpy.run_path('scorer.py', run_name='__main__')"
)


HEADS = """Heads lose more in float32 than detectors do. Before its calibration a
score of `evidence` is a logarithm near 1, and of `smooth` a mean whose deviations are a
fiftieth of it; numbers of that size are 1.2e-07 and 1.5e-08 apart, and where
calibration scores lie close together a level rises by 1,000 in a unit of them. The
library's own scores are as far from those in float64 (`evidence` 3.3e-05, `smooth`
7.3e-06) as from the exported ones; smaller differences need scores kept as deviations
from a normal one, which is another format of saved heads."""
"""Why score heads differ more."""


class Case(NamedTuple):
    """A detector to export.

    Attributes:
        name: What the table calls it.
        fit: Fits it.
        formats: In which it must go.
    """

    name: str
    fit: Callable[[], Any]
    formats: tuple[str, ...] = ("stablehlo", "onnx")


def series(detector: str, window: int = 100, **more: Any) -> Any:
    """A detector of series, fitted for one epoch on a short one of five channels."""
    from jaxtsad import TimeSeriesDetector

    made = TimeSeriesDetector(detector, window=window, stride=20, epochs=1, **more)
    return made.fit(sources.sines(1500, 5, seed=0))


def images() -> Any:
    """GANomaly, fitted for one epoch on images of 32 x 32."""
    from jaxtsad import SampleDetector

    given = np.random.default_rng(0).normal(size=(64, 32, 32, 1))
    return SampleDetector("ganomaly", epochs=1).fit(given)


def cases(quick: bool) -> list[Case]:
    """What is exported: with `quick` what is fitted at once."""
    fast = [
        Case("zscore", lambda: series("zscore")),
        Case("pca", lambda: series("pca")),
    ]
    if quick:
        return fast
    return [
        Case("pretrained_tcn (default)", lambda: series("pretrained_tcn", 40)),
        Case("lstm_vae", lambda: series("lstm_vae", 10)),
        Case("lstm_autoencoder", lambda: series("lstm_autoencoder", 30)),
        Case("anomaly_transformer", lambda: series("anomaly_transformer")),
        *fast,
        Case("knn", lambda: series("knn", 20)),
        Case("ganomaly, images", images),
        Case("pca, head smooth", lambda: series("pca", head="smooth")),
        Case("pca, head evidence", lambda: series("pca", head="evidence")),
        Case("pca, head gated", lambda: series("pca", head="gated")),
    ]


def measured(case: Case, pythons: Mapping[str, str]) -> dict[str, Any]:
    """Exports a detector and checks it in a process of its own for each format."""
    detector = case.fit()
    row: dict[str, Any] = {"name": case.name}
    with tempfile.TemporaryDirectory() as folder:
        for format in case.formats:
            place = pathlib.Path(folder, format)
            try:
                detector.export(place, [format])
            except ValueError as error:
                row[format] = {"refused": str(error)}
                continue
            row[format] = checked(place, format, pythons[format])
    return row


def checked(place: pathlib.Path, format: str, python: str) -> dict[str, Any]:
    """What `scorer.py --check` says, and the size of what it needs."""
    code = RUN.format(hidden=FORMATS[format], format=format)
    done = subprocess.run(
        [python, "-P", "-c", code], capture_output=True, text=True, cwd=place
    )
    manifest = json.loads((place / "manifest.json").read_text())
    needed = [place / "manifest.json", place / "arrays.npz", *place.glob(f"*.{format}")]
    contents = [path.read_bytes() for path in needed]
    return {
        "said": (done.stdout or done.stderr).strip().splitlines()[-1],
        "agrees": done.returncode == 0,
        "difference": float(done.stdout.split()[-1]) if done.stdout else None,
        "tolerance": manifest["tolerance"],
        "bytes": sum(map(len, contents)),
        "packed": sum(len(gzip.compress(content)) for content in contents),
    }


def report(rows: Sequence[Mapping[str, Any]], environments: Mapping[str, str]) -> str:
    """The table as Markdown."""
    lines = [
        "# Exported detectors",
        "",
        "By `python -m benchmarks.throughput.exports --onnx-python ENV/bin/python` on "
        f"{results.processor()}, {results.slug()}.",
        "",
        "Largest difference of a score from the library's on recorded inputs (relative "
        "where scores are above 1), as `python scorer.py --check` finds it again; up "
        f"to {TOLERANCE:g} agrees, of score heads {COMPOSED:g}. Sizes are those of "
        "manifest, arrays and programs; in brackets packed by gzip.",
        "",
        *(f"- {format}: {words}" for format, words in environments.items()),
        "",
        "| detector | StableHLO | size | ONNX | size | web-safe |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [cell for format in FORMATS for cell in cells_of(row[format])]
        packed = row["onnx"].get("packed", WEB_BYTES + 1)
        cells = [row["name"], *cells, "yes" if packed <= WEB_BYTES else "no"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"Web-safe: as ONNX at most {WEB_BYTES / 2**20:g} MiB when packed, what a page "
        "loads in a second or two (onnxruntime-web itself is larger).",
        "",
        HEADS,
        "",
    ]
    return "\n".join(lines)


def cells_of(made: Mapping[str, Any]) -> tuple[str, str]:
    """Difference and size of one format."""
    if "refused" in made:
        return f"refused: {made['refused']}", ""
    if made["difference"] is None:
        return f"failed: {made['said']}", ""
    verdict = "" if made["agrees"] else " (does not agree)"
    size, packed = (written(made[name]) for name in ("bytes", "packed"))
    return f"{made['difference']:.1e}{verdict}", f"{size} ({packed})"


def written(size: float) -> str:
    """Bytes in words.

    Example:
        >>> written(2048), written(3 * 2**20)
        ('2 KiB', '3.0 MiB')
    """
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 1024:.0f} KiB"


def environment(python: str, hidden: Sequence[str]) -> str:
    """What a Python has of what scorers could use."""
    code = (
        "import importlib.metadata as m, sys\n"
        "print('Python', sys.version.split()[0])\n"
        "for name in ('numpy', 'onnxruntime', 'jax'):\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: print('no', name)\n"
    )
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    )
    have = ", ".join(done.stdout.split("\n")[:-1])
    return f"{have}; {' and '.join(hidden)} cannot be imported"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports, checks, prints the table and writes it; 1 where one does not agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput.exports")
    add = parser.add_argument
    add("--onnx-python", default=sys.executable, help="of an environment without JAX")
    add("--quick", action="store_true", help="does it work? nothing is written")
    add("--out", type=pathlib.Path, help="where it is written; results/export.md")
    asked = parser.parse_args(arguments)
    pythons = {"stablehlo": sys.executable, "onnx": asked.onnx_python}
    rows = []
    for case in cases(asked.quick):
        rows.append(measured(case, pythons))
        print(rows[-1], file=sys.stderr)
    hidden = FORMATS.items()
    text = report(rows, {each: environment(pythons[each], h) for each, h in hidden})
    print(text)
    path = asked.out or (None if asked.quick else results.FOLDER / "export.md")
    if path is not None:
        files.write_text(path, text)
    return int(not all(made["agrees"] for made in outcomes(rows)))


def outcomes(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What was checked; not what was refused."""
    for row in rows:
        yield from (row[each] for each in FORMATS if "agrees" in row[each])


if __name__ == "__main__":
    sys.exit(main())
