"""Pre-training of the gate: the same weights again, whether it was stopped or not."""

from __future__ import annotations

import dataclasses
import pathlib

import jax
import numpy as np
import pytest
import safetensors.numpy

from benchmarks.studies import study
from benchmarks.studies.pretraining import __main__ as program
from benchmarks.studies.pretraining import judging, material, training
from benchmarks.studies.pretraining.material import Material
from benchmarks.studies.pretraining.training import Plan
from jaxtsad.datasets.synthetic.columns import ColumnOptions
from jaxtsad.detectors.pretrained_tcn import features

PLAN = Plan(steps=6, crops=3, length=64, warm_up=2, checkpoint=2)


@pytest.fixture(scope="module")
def columns() -> Material:
    """Twelve columns of noise whose first feature tells the labeled steps."""
    rng = np.random.default_rng(0)
    labels = rng.random((12, 256)) < 0.1
    seen = rng.standard_normal((12, 256, features.COUNT))
    seen[..., 0] += 3 * labels
    return Material(seen.astype(np.float16), labels, np.full(12, 100))


def same(first: object, second: object) -> bool:
    leaves = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(one, other) for one, other in leaves)


def test_the_same_seed_gives_the_same_weights_bit_for_bit(columns):
    first = training.train(columns, PLAN, 3)
    assert same(first, training.train(columns, PLAN, 3))
    assert not same(first, training.train(columns, PLAN, 4))


class Stop(Exception):
    """Ends a training as a signal would."""


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(columns, tmp_path):
    kept = tmp_path / "gate.npz"
    told = []

    def stop(text: str) -> None:
        told.append(text)
        if len(told) == 2:
            raise Stop

    with pytest.raises(Stop):
        training.train(columns, PLAN, 3, kept, say=stop)
    assert kept.exists()
    told.clear()
    resumed = training.train(columns, PLAN, 3, kept, say=told.append)
    assert len(told) == 2, "it began after the first checkpoint"
    assert same(resumed, training.train(columns, PLAN, 3))
    # What is finished is not done again.
    told.clear()
    assert same(resumed, training.train(columns, PLAN, 3, kept, say=told.append))
    assert not told


def test_a_checkpoint_of_another_training_is_not_gone_on_from(columns, tmp_path):
    kept = tmp_path / "gate.npz"
    training.train(columns, PLAN, 3, kept, key="a")
    for change in ({"key": "b"}, {"seed": 4}, {"plan": dataclasses.replace(PLAN)}):
        told: list[str] = []
        asked = {"plan": PLAN, "seed": 3, "key": "a", **change}
        training.train(columns, checkpoint=kept, say=told.append, **asked)
        assert bool(told) == (change.keys() != {"plan"})
        training.train(columns, PLAN, 3, kept, key="a")


def test_a_gate_learns_what_tells_the_labels(columns):
    plan = dataclasses.replace(PLAN, steps=60, crops=8, average=0.9, warm_up=5)
    before = training.train(columns, dataclasses.replace(plan, steps=1), 0)
    after = training.train(columns, plan, 0)
    case = judging.Case(
        columns.features.transpose(1, 0, 2).astype(np.float32), columns.labels.T, 100
    )
    learned = judging.average_precision([after], [case])
    assert learned["gate"] > judging.average_precision([before], [case])["gate"] + 0.2
    assert learned["random"] == pytest.approx(columns.labels[:, 100:].mean())


def test_crops_are_of_the_column_they_name_and_have_its_labels(columns):
    marked = columns._replace(
        features=np.broadcast_to(
            np.arange(256, dtype=np.float16)[None, :, None], columns.features.shape
        )
    )
    seen, labels = training.crops(marked, PLAN, 0, 5)
    assert seen.shape == (3, 64, features.COUNT)
    assert labels.shape == (3, 64)
    for row in range(3):
        steps = seen[row, :, 0].astype(int)
        assert (np.diff(steps) == 1).all()
        assert steps[0] >= 50
        assert (labels[row] == columns.labels[:, steps]).all(axis=1).any()


def test_features_of_columns_are_relative_to_their_own_training_part():
    options = ColumnOptions(steps=800, train_steps=(300, 400))
    made = material.of_columns(0, 1, options)
    again = material.of_columns(0, 1, options)
    assert made.features.shape == (material.COLUMNS, 800, features.COUNT)
    np.testing.assert_array_equal(made.features, again.features)
    assert np.isfinite(made.features).all()
    assert not made.labels[:, : made.train_steps[0]].any()


@pytest.mark.parametrize("family", judging.FAMILIES)
def test_every_family_has_labels_and_features(family):
    options = ColumnOptions(steps=800, train_steps=(300, 400))
    [case] = judging.cases(family, 1, options)
    assert case.features.shape == (*case.labels.shape, features.COUNT)
    assert not case.labels[: case.train_steps].any()
    assert case.labels.any()


def test_quick_writes_weights_a_card_and_a_report(tmp_path: pathlib.Path):
    words = ["--quick", "--out", str(tmp_path), "--steps", "3", "--judged", "1"]
    assert study.main(program.STUDY, words) == 0
    weights = safetensors.numpy.load_file(tmp_path / "weights.safetensors")
    assert {array.shape[0] for array in weights.values()} == {1}
    assert (tmp_path / "weights.safetensors").stat().st_size < 300_000
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "## Limits" in card
    assert "--steps 3" in card
    assert str(tmp_path) not in card
    assert (tmp_path / "pretraining.md").exists()


def test_numbers_below_1_are_named(tmp_path: pathlib.Path, capsys):
    words = ["--quick", "--out", str(tmp_path), "--gates", "0"]
    assert study.main(program.STUDY, words) == 2
    assert "--gates 0" in " ".join(capsys.readouterr().err.split())


def test_padding_repeats_the_ends_and_keeps_what_is_there():
    values = np.arange(600.0).reshape(300, 2)
    filled = material.padded(values)
    assert filled.shape == (512, 32)
    np.testing.assert_array_equal(filled[:300, :2], values)
    assert (filled[300:, 1] == values[-1, 1]).all()
    assert (filled[:300, 2] == values[:, 1]).all()
    assert material.padded(np.zeros((512, 32, 3))).shape == (512, 32, 3)
