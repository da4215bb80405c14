"""What point adjustment makes of random scores on public labels, beside published F1.

python -m benchmarks.studies.point_adjustment --data-root DIR

Only labels are read. An adjusted F1 near that of random scores says nothing of a
detector, however large it is; see `evaluation.metrics.chance`.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.studies.point_adjustment import measure, tables
from jaxtsad.datasets import places
from jaxtsad.experiments import console, records

NAME = "point_adjustment"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints and writes the tables; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", help="folder of the data sets")
    parser.add_argument("--out", help=f"folder to write to; default runs/{NAME}")
    options = parser.parse_args(arguments)
    folder = pathlib.Path(options.out or pathlib.Path("runs") / NAME)
    terminal = Console()
    try:
        labels, notes = measure.glued(places.data_root(options.data_root))
        studies = [measure.study(name, own) for name, own in labels.items()]
        tables.show(studies, notes, terminal)
        for suffix, write in tables.WRITERS.items():
            records.write_text(folder / f"{NAME}.{suffix}", write(studies, notes))
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(f"The tables are in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
