"""Pre-trains the gate of `pretrained_tcn` on synthetic columns.

python -m benchmarks.studies.pretraining

Makes columns with labeled faults and unlabeled nuisance, trains a gate for each seed,
and writes all of them into one `weights.safetensors`, with a model card. The same seeds
give the same weights, bit for bit, on the same machine; a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np
import safetensors.numpy

from benchmarks.studies import study
from benchmarks.studies.pretraining import card, judging, material, training
from benchmarks.studies.pretraining.training import Plan
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad import files
from jaxtsad.datasets.synthetic.columns import ColumnOptions
from jaxtsad.types import PyTree

SEED = 1
"""Of the columns."""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--gates", type=int, default=1, help="gates, each of another seed")
    add("--batches", type=int, default=225, help="batches of 32 columns")
    add("--steps", type=int, default=Plan().steps, help="optimizer steps of a gate")
    add("--judged", type=int, default=8, help="recordings of each family")


def run(session: Session) -> Report:
    """Makes columns, trains the gates that are missing, and judges.

    Raises:
        ValueError: If a number is below 1.
    """
    asked = session.options
    for name in ("gates", "batches", "steps", "judged"):
        if getattr(asked, name) < 1:
            raise ValueError(f"--{name} {getattr(asked, name)} must be at least 1")
    made, plan = ColumnOptions(), Plan(steps=asked.steps)
    cache = session.cache(training.__name__)
    about = {"batches": asked.batches, "options": dataclasses.asdict(made)}
    key = cache.key(about)
    session.say(f"making {asked.batches * material.COLUMNS} columns")
    columns = material.of_columns(SEED, asked.batches, made, session.say)
    gates = [
        training.train(
            columns,
            plan,
            seed,
            cache.folder / f"gate_{seed}.npz",
            key=key,
            say=session.say,
        )
        for seed in range(asked.gates)
    ]
    content = safetensors.numpy.save(flat(gates))
    files.write_bytes(session.folder / "weights.safetensors", content)
    measured = {}
    for family in judging.FAMILIES:
        session.say(f"judging on {family}")
        judged = judging.cases(family, asked.judged, made)
        measured[family] = judging.average_precision(gates, judged)
    table = Table(
        ("columns", "gate", "size of the value", "chance"),
        judging.table(measured),
        numbers=3,
        lead="Area under the precision-recall curve over all steps after the training "
        "part, mean over recordings.",
    )
    facts = card.facts(asked, plan, made, gates, len(content), columns.labels)
    text = card.text(facts, measured, session.command)
    files.write_text(session.folder / "MODEL_CARD.md", text)
    title = "A gate pre-trained on synthetic columns"
    tree = {"facts": facts, "measured": measured}
    return Report(title, (), [Section("", tables=[table])], tree=tree)


def flat(gates: list[PyTree]) -> dict[str, np.ndarray]:
    """Parameters of all gates by name, stacked `[G, ...]`."""
    return {
        f"{layer}/{leaf}": np.stack([np.asarray(gate[layer][leaf]) for gate in gates])
        for layer in gates[0]
        for leaf in gates[0][layer]
    }


STUDY = Study(
    "pretraining",
    __doc__,
    run,
    options,
    quick={"gates": 1, "batches": 2, "steps": 20, "judged": 1},
    data=False,
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
