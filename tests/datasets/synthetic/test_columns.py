"""Columns to pre-train on: deterministic, labeled after the training part alone."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.datasets.synthetic import behaviors, columns, coupled, faults, nuisance


@pytest.mark.parametrize("name", behaviors.BEHAVIORS)
def test_a_behavior_has_the_steps_asked_for_at_any_period(name):
    for period in (behaviors.SHORTEST, 33.3, behaviors.LONGEST):
        values = behaviors.BEHAVIORS[name](np.random.default_rng(1), 700, period)
        assert values.shape == (700,)
        assert np.isfinite(values).all()


def test_two_valued_and_constant_behaviors_are_what_they_are_called():
    rng = np.random.default_rng(0)
    made = behaviors.BEHAVIORS[behaviors.TWO_VALUED](rng, 3000, 20.0)
    assert set(np.unique(made)) == {0.0, 1.0}
    assert np.ptp(behaviors.BEHAVIORS[behaviors.CONSTANT](rng, 100, 20.0)) == 0


def test_an_autoregressive_process_has_deviation_1_and_its_autocorrelation():
    values = behaviors.autoregressive(np.random.default_rng(0), 200_000, 0.9)
    assert values.std() == pytest.approx(1, abs=0.03)
    assert np.corrcoef(values[1:], values[:-1])[0, 1] == pytest.approx(0.9, abs=0.01)


def test_held_levels_come_from_the_list_and_last_as_long_as_asked():
    levels = np.array([-1.0, 0.5, 2.0])
    rng = np.random.default_rng(0)
    values = behaviors.held_levels(rng, 50_000, 40.0, levels)
    assert set(np.unique(values)) <= set(levels)
    # A third of the changes stay at the same level.
    changes = int((np.diff(values) != 0).sum())
    assert 50_000 / changes == pytest.approx(40 * 1.5, rel=0.1)


@pytest.mark.parametrize("name", nuisance.CHANGES)
def test_nuisance_keeps_the_length_and_what_comes_first(name):
    values = np.sin(np.arange(900) / 9)
    changed = nuisance.CHANGES[name](np.random.default_rng(2), values.copy(), 500, 1.0)
    assert changed.shape == values.shape
    assert not np.array_equal(changed, values)
    if name not in ("holds", "blips"):
        np.testing.assert_allclose(changed[:500], values[:500], atol=1e-12)


def test_without_nuisance_a_column_stays_as_it_is():
    values = np.arange(500.0)
    same = nuisance.add(np.random.default_rng(0), values, 200, rate=0.0)
    np.testing.assert_array_equal(same, values)
    assert same is not values


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_fault_changes_what_it_spans(name):
    rng = np.random.default_rng(3)
    values = np.sin(np.arange(900) / 7) + 1.5 + 0.1 * rng.standard_normal(900)
    other = np.sign(np.sin(np.arange(900) / 31))
    changed = faults.change(rng, name, values, (600, 640), 500, 5.0, other)
    assert changed is not None
    assert changed.shape == (40,)
    limit = faults.VISIBLE * values[:500].std()
    assert np.abs(changed - values[600:640]).max() >= limit


def test_a_fault_that_would_not_be_seen_is_none():
    values = np.sin(np.arange(900) / 7)
    rng = np.random.default_rng(0)
    assert faults.change(rng, "level", values, (600, 640), 500, 0.1, values) is None
    # Too short for its kind.
    assert faults.change(rng, "frozen", values, (600, 608), 500, 5.0, values) is None


def test_labels_are_the_steps_that_faults_changed():
    values = np.sin(np.arange(2048) / 7)
    rng = np.random.default_rng(5)
    changed, labels = faults.inject(rng, "harmonics", values, values, 600, 4)
    assert labels.any()
    assert not labels[:600].any()
    np.testing.assert_array_equal(changed[~labels], values[~labels])


def test_columns_are_the_same_for_a_seed_and_others_for_another():
    first, again = (
        columns.make_columns(4, columns=5),
        columns.make_columns(4, columns=5),
    )
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.behaviors == again.behaviors
    other = columns.make_columns(5, columns=5)
    assert not np.array_equal(first.values, other.values)
    batch = columns.make_columns(4, batch=1, columns=5)
    assert not np.array_equal(first.values, batch.values)


def test_one_more_column_leaves_the_others_as_they_are():
    few, many = columns.make_columns(1, columns=2), columns.make_columns(1, columns=6)
    np.testing.assert_array_equal(few.values, many.values[:, :2])
    assert few.train_steps == many.train_steps


def test_faults_come_after_the_training_part_and_nuisance_has_no_label():
    calm = columns.ColumnOptions(nuisance=0.0, quiet=1.0)
    busy = columns.ColumnOptions(nuisance=3.0, quiet=1.0)
    made = columns.make_columns(2, columns=12, options=busy)
    assert not made.labels.any()
    clean = columns.make_columns(2, columns=12, options=calm)
    changed = (made.values != clean.values).any(axis=0)
    assert changed.sum() > 6
    failing = columns.make_columns(2, columns=12)
    assert failing.labels.any()
    assert not failing.labels[: failing.train_steps].any()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 600}, "train_steps"),
        ({"train_steps": (900, 500)}, "train_steps"),
        ({"nuisance": -1.0}, "nuisance"),
        ({"quiet": 2.0}, "quiet"),
        ({"faults": 0}, "faults"),
    ],
)
def test_options_out_of_range_are_named(changes, named):
    with pytest.raises(ValueError, match=named):
        columns.ColumnOptions(**changes)


def test_seeds_and_counts_out_of_range_are_named():
    with pytest.raises(ValueError, match="seed=-1"):
        columns.make_columns(-1)
    with pytest.raises(ValueError, match="columns=0"):
        columns.make_columns(0, columns=0)
    with pytest.raises(ValueError, match="series=-1"):
        coupled.make_coupled(0, series=-1)


def test_coupled_columns_are_deterministic_and_share_causes():
    made, again = coupled.make_coupled(3), coupled.make_coupled(3)
    np.testing.assert_array_equal(made.values, again.values)
    np.testing.assert_array_equal(made.labels, again.labels)
    assert made.values.shape == made.labels.shape
    assert not made.labels[: made.train_steps].any()
    related = []
    for series in range(12):
        other = coupled.make_coupled(3, series=series)
        follow = [c for c, name in enumerate(other.behaviors) if name == "coupled"]
        part = other.values[: other.train_steps, follow]
        related.append(np.abs(np.corrcoef(part.T) - np.eye(len(follow))).max())
    assert np.median(related) > 0.7


def test_constant_and_two_valued_coupled_columns():
    seen = set()
    for series in range(12):
        made = coupled.make_coupled(0, series=series)
        for column, name in zip(made.values.T, made.behaviors, strict=True):
            distinct = len(np.unique(column))
            if name == behaviors.CONSTANT:
                assert distinct == 1
            if name == behaviors.TWO_VALUED:
                assert distinct <= 2
            seen.add(name)
    assert {"coupled", "independent", "rounded", behaviors.CONSTANT} <= seen
