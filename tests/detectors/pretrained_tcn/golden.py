"""Features, logits and scores of the weights that ship, on three series.

    python -m tests.detectors.pretrained_tcn.golden

writes them down anew, which is only right after new weights or other features. One
series is the bundled recording, two are public: SMAP's P-1 and an SMD machine.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import TimeSeriesDetector, datasets
from jaxtsad.detectors.pretrained_tcn import features, weights

PATH = pathlib.Path(__file__).with_name("golden.npz")
FIT, STEPS, EVERY = 1000, 2000, 20
SERIES: dict[str, Callable[[], np.ndarray]] = {
    "bundled": lambda: datasets.load("demo")[0].train[:STEPS],
    "smap": lambda: datasets.load("smap", entities=["P-1"])[0].train[:STEPS],
    "smd": lambda: datasets.load("smd", entities=["machine-1-2"])[0].train[:STEPS],
}


@functools.cache
def measured(name: str) -> dict[str, np.ndarray]:
    """Features and logits of some steps of all columns, and scores of these steps."""
    values = SERIES[name]()
    detector = TimeSeriesDetector("pretrained_tcn").fit(values[:FIT])
    fitted = detector.fitted_
    model = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), fitted.model)
    scaled = jnp.asarray(fitted.scalers[0].transform(values))
    seen = jax.jit(features.features)(model["statistics"], scaled, len(values))
    logits = jax.jit(weights.logits)(model["gate"], seen, len(values))
    return {
        "features": np.asarray(seen)[::EVERY],
        "logits": np.asarray(logits)[::EVERY],
        "scores": detector.decision_function(values)[::EVERY],
    }


def main() -> None:
    """Writes the fixture."""
    made = {
        f"{name}/{what}": array.astype(np.float16 if what == "features" else np.float32)
        for name in SERIES
        for what, array in measured(name).items()
    }
    np.savez_compressed(PATH, **made)


if __name__ == "__main__":
    main()
