"""The Anomaly Transformer on telemetry channels, from the command line.

python -m benchmarks.studies.anomaly_transformer_telemetry --channels P-1 E-1
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from rich.console import Console

from jaxtsad.experiments import console, run, summary, toml
from jaxtsad.experiments.config import Config
from jaxtsad.training import sharding

SIZES = {
    "cpu": {"width": 128, "heads": 8, "layers": 3, "hidden": 128},
    "full": {"width": 512, "heads": 8, "layers": 3, "hidden": 512},
}


def config(
    channels: Sequence[str],
    *,
    spacecraft: str = "smap",
    size: str = "cpu",
    epochs: int = 10,
    seeds: Sequence[int] = (0,),
    data_root: str = "",
) -> Config:
    """The experiment: one model over all channels, calibrated on held-out steps.

    Args:
        channels: Names of channels, such as `P-1`; empty for all of the spacecraft.
        spacecraft: `smap` or `msl`.
        size: `cpu` (width 128, stride 5) or `full` (width 512, stride 1).
        epochs: At most this many epochs.
        seeds: Trained together in one program.
        data_root: Folder of the data sets; empty for the default.

    Raises:
        ValueError: If `size` is unknown.
    """
    if size not in SIZES:
        raise ValueError(f"{size=} is unknown; the choices are {', '.join(SIZES)}")
    return toml.parse(
        {
            "name": f"anomaly_transformer_{spacecraft}_{size}",
            "data": {
                "dataset": spacecraft,
                "entities": list(channels),
                "fit": "pooled",
                "root": data_root,
            },
            "window": {"length": 100, "stride": 5 if size == "cpu" else 1},
            "detector": {"name": "anomaly_transformer", "options": SIZES[size]},
            "training": {"epochs": epochs, "seeds": list(seeds)},
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiment; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", nargs="*", default=["P-1", "E-1", "A-7"])
    parser.add_argument("--spacecraft", default="smap", choices=("smap", "msl"))
    parser.add_argument("--size", default="cpu", choices=tuple(SIZES))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data-root", default="")
    parser.add_argument("--out")
    options = parser.parse_args(arguments)
    terminal = Console()
    sharding.use_cores()
    try:
        experiment = config(
            options.channels,
            spacecraft=options.spacecraft,
            size=options.size,
            epochs=options.epochs,
            seeds=options.seeds,
            data_root=options.data_root,
        )
        folder = pathlib.Path(options.out or pathlib.Path("runs") / experiment.name)
        summary.show(run.run(experiment, folder, terminal=terminal), terminal)
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(f"The report is {folder / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
