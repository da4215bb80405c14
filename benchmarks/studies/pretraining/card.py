"""The model card of the pre-trained gates."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from benchmarks.studies.pretraining import judging, material
from benchmarks.studies.pretraining.training import Plan
from jaxtsad.datasets.synthetic import behaviors, faults, nuisance
from jaxtsad.datasets.synthetic.columns import ColumnOptions
from jaxtsad.reporting.tables import formats
from jaxtsad.types import PyTree

LIMITS = (
    "A gate sees one column at a time, relative to its own training part, and no "
    "relation between columns.",
    "It looks ahead: the last steps of a live stream have other logits than they will "
    "have once more is known.",
    "It saw training parts of 400 to 1,000 steps and periods of 8 to 400 steps, and "
    "nothing far from that.",
    "It saw columns of two values fail by a third value only; an unusual switch is not "
    "noticed.",
    "All columns were synthetic. What was called nuisance may be an anomaly elsewhere.",
    "A logit is no calibrated probability of a fault in real data.",
)


def facts(
    asked: argparse.Namespace,
    plan: Plan,
    made: ColumnOptions,
    gates: Sequence[PyTree],
    size: int,
    labels: np.ndarray,
) -> dict[str, str]:
    """What a reader wants to know of the weights, a line each."""
    parameters = sum(leaf.size for leaf in jax.tree.leaves(gates[0]))
    low, high = made.train_steps
    return {
        "Gates": f"{len(gates)}, seeds from 0; logits of several are averaged",
        "Parameters": f"{parameters:,} each",
        "File": f"{size:,} bytes",
        "Columns": f"{asked.batches * material.COLUMNS:,} of {made.steps:,} steps, the "
        f"first {low} to {high:,} for training; seed 1",
        "Labeled": f"{labels.mean():.1%} of all steps",
        "Behaviors": ", ".join(behaviors.BEHAVIORS),
        "Faults": ", ".join(faults.FAULTS),
        "Nuisance": f"{', '.join(nuisance.CHANGES)}; {made.nuisance:g} a column",
        "Training": f"{plan.steps:,} updates by {plan.crops} crops of {plan.length} "
        f"steps, Adam up to {plan.learning_rate:g}, running average {plan.average:g}",
    }


def text(
    facts: Mapping[str, str],
    measured: Mapping[str, Mapping[str, float]],
    command: str,
) -> str:
    """The card in Markdown.

    Args:
        facts: Of `facts`.
        measured: Figures by family.
        command: What gives the same weights.
    """
    heads = ("columns", "gate", "size of the value", "chance")
    pieces = [
        "# The pre-trained gate of `pretrained_tcn`",
        "A dilated convolution over the features of one column to a logit per step: "
        "does it fail here? It was trained once, on synthetic columns.",
        f"Made by `{command}`.",
        formats.piped(("what", "of it"), list(facts.items()), 0),
        "## Figures",
        "Area under the precision-recall curve over all steps after the training part "
        "of columns that were not trained on, mean over recordings.",
        formats.piped(heads, judging.table(measured), 3),
        "What the whole detector reaches on public recordings, and all that was tried, "
        "is in `benchmarks/results/pretraining.md`.",
        "## Limits",
        "\n".join(f"- {limit}" for limit in LIMITS),
    ]
    return "\n\n".join(pieces) + "\n"
