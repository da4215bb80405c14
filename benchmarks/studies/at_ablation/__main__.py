"""The Anomaly Transformer, one change at a time, under honest metrics.

python -m benchmarks.studies.at_ablation --data-root DIR --datasets msl smap smd

What is finished is kept in `--out` and not done again by the same command. The preset
`cpu` takes a small model, 16 columns and some of the entities, `whole` all columns and
entities, `wide` these and the full width for few epochs; `full` is for an accelerator.
The repair was published on values as they are: `--scaler none`.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax

from benchmarks.studies import study
from benchmarks.studies.at_ablation import measures, rows, tables, tasks, variants
from benchmarks.studies.at_ablation.variants import Preset, Variant
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import preprocessing


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the ablation is asked for."""
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap", "smd"])
    parser.add_argument("--preset", default="cpu", choices=tuple(variants.PRESETS))
    parser.add_argument("--seeds", type=int, help="models per variant")
    parser.add_argument("--windows", type=int, help="about so many training windows")
    parser.add_argument("--epochs", type=int, help="at most so many")
    parser.add_argument("--variants", nargs="+", help="some of the variants")
    names = rows.BASELINES
    parser.add_argument("--baselines", nargs="*", default=list(names), choices=names)
    parser.add_argument("--scaler", default="auto", choices=preprocessing.KINDS)


def run(session: Session) -> Report:
    """Trains and measures what is not kept yet, on every data set."""
    asked = session.options
    preset = variants.PRESETS[asked.preset]._replace(scaler=asked.scaler)
    given = {name: getattr(asked, name) for name in ("seeds", "windows", "epochs")}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if value < 1:
            raise ValueError(f"--{name} {value} must be at least 1")
    preset = preset._replace(**given)
    count = preset.seeds
    chosen = variants.chosen(asked.variants)
    made = {
        "name": asked.preset,
        "preset": preset._asdict(),
        "seeds": list(range(count)),
        "sets": {
            name: of_set(name, preset, range(count), chosen, session)
            for name in asked.datasets
        },
    }
    return tables.report(made)


def of_set(
    name: str,
    preset: Preset,
    seeds: Sequence[int],
    chosen: Sequence[Variant],
    session: Session,
) -> dict[str, Any]:
    """All of one data set: each baseline and each variant is a stage of its own."""
    task = tasks.load(name, preset, session.root)
    data = tasks.described(task)
    cache = session.cache(__name__, name)
    same = {"seeds": list(seeds), "data": data, "preset": preset._asdict()}

    def stage(part: str, about: Any, make: Callable[[], Any]) -> Mapping[str, Any]:
        def told() -> Any:
            session.say(f"{name}: {part}")
            # No other part runs these programs, and a process may hold only so many.
            jax.clear_caches()
            return make()

        kept: Mapping[str, Any] = cache.tree(part, {**same, "about": about}, told)
        return kept

    def folder(one: Variant) -> pathlib.Path:
        return cache.place(one.name, {**same, "about": one._asdict()})

    pair = task, preset
    return {
        "data": data,
        "noise": measures.noise(task.names, task.labels),
        "baselines": {
            one: stage(one, {}, partial(rows.of_baseline, one, *pair, seeds))
            for one in session.options.baselines
        },
        "paper": stage(
            "paper",
            {},
            partial(
                rows.by_procedure,
                *pair,
                seeds[0],
                session.root,
                cache.place("paper_checkpoints", same),
            ),
        )
        if any(one.name == "reference" for one in chosen)
        else None,
        "variants": {
            one.name: stage(
                one.name,
                one._asdict(),
                partial(rows.of_variant, one, *pair, seeds, session, folder(one)),
            )
            for one in chosen
        },
    }


STUDY = Study(
    "at_ablation",
    __doc__,
    run,
    options,
    quick={
        "datasets": ["smap"],
        "seeds": 1,
        "preset": "quick",
        "variants": ["reference", "untrained"],
    },
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
