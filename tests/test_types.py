"""Roles of data: set where data is cut, carried to the scores, never relabeled."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.evaluation import thresholds
from jaxtsad.ops import samples, windows
from jaxtsad.types import Role


def test_cutting_leaves_a_gap_of_a_window_less_one_step() -> None:
    values = np.arange(1000.0)[:, None]
    fit, held_out = types.cut_train(values, window=50)
    assert held_out is not None
    assert (fit.role, held_out.role) == (Role.FIT, Role.VALIDATION)
    assert held_out.values[0, 0] - fit.values[-1, 0] == 50
    assert fit.values[-1, 0] == 799 and held_out.values[-1, 0] == 999


@pytest.mark.parametrize(("steps", "has"), [(990, False), (991, True), (312, False)])
def test_validation_needs_room_for_one_window(steps: int, has: bool) -> None:
    fit, held_out = types.cut_train(np.zeros((steps, 1)), window=100)
    assert (held_out is not None) == has
    if not has:
        assert len(fit) == steps


@pytest.mark.parametrize("kind", [types.Split, types.Scores])
def test_relabeling_fails_for_roled_data(kind: type) -> None:
    with pytest.raises(TypeError, match="set where it is cut"):
        kind(np.zeros(3), Role.FIT, "mine")
    test = types.cut_test(np.zeros((3, 1)))
    one = test if kind is types.Split else test.scored(np.zeros(3))
    for change in (
        lambda: setattr(one, "role", Role.FIT),
        lambda: delattr(one, "role"),
    ):
        with pytest.raises(AttributeError, match="cannot be relabeled"):
            change()
    with pytest.raises(TypeError):
        dataclasses.replace(one, role=Role.FIT)  # type: ignore[type-var]
    with pytest.raises((AttributeError, TypeError)):
        copy.copy(one).role = Role.FIT
    assert one.role is Role.TEST


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle])
@pytest.mark.parametrize("role", Role)
def test_copies_keep_their_role_and_cannot_be_relabeled(again, role: Role) -> None:
    duplicate = again if callable(again) else lambda x: pickle.loads(pickle.dumps(x))
    values = np.arange(9.0)
    split = types.restored(values, role, "mine")
    part = types.cut_test(values[:, None], entity="mine")
    for one in (split, part, split.map(np.square), part.map(np.square)):
        other = duplicate(one)
        assert type(other) is type(one) and other is not one
        assert (other.role, other.entity) == (one.role, one.entity)
        np.testing.assert_array_equal(other.values, one.values)
        with pytest.raises(AttributeError, match="cannot be relabeled"):
            other.role = Role.FIT
        assert not hasattr(other, "__setstate__")
    with pytest.raises(ValueError, match="fit or validation"):
        thresholds.fit("quantile", duplicate(part.scored(values)))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle])
def test_copies_of_views_keep_their_role(again) -> None:
    duplicate = again if callable(again) else lambda x: pickle.loads(pickle.dumps(x))
    split = types.cut_test(np.arange(18.0).reshape(9, 2))
    for view in (windows.view(split, 3, 1), samples.view(split)):
        other = duplicate(view)
        assert (type(other), other.role) == (type(view), Role.TEST)
        for name in view.ARRAYS:
            np.testing.assert_array_equal(getattr(other, name), getattr(view, name))
        with pytest.raises(AttributeError, match="cannot be relabeled"):
            other.role = Role.FIT


def test_relabeling_fails_for_views() -> None:
    split = types.cut_test(np.zeros((9, 2)))
    for view in (windows.view(split, 3, 1), samples.view(split)):
        with pytest.raises(AttributeError, match="cannot be relabeled"):
            view.role = Role.FIT
        with pytest.raises(TypeError, match="cannot be replaced"):
            view.with_arrays(role=Role.FIT)
        with pytest.raises(TypeError):
            dataclasses.replace(view, role=Role.FIT)  # type: ignore[type-var]
        assert view.with_arrays(weight=jnp.zeros(view.size)).role is Role.TEST
    with pytest.raises(TypeError, match="made of a Split"):
        windows.WindowView(np.zeros((9, 2)), role=Role.FIT)  # type: ignore[arg-type]


def test_preprocessing_and_scores_keep_the_role() -> None:
    test = types.cut_test(np.ones((4, 2)), entity="pump")
    doubled = test.map(lambda values: 2 * values)
    scores = doubled.scored(np.arange(4.0)).map(np.sqrt)
    assert (scores.role, scores.entity) == (Role.TEST, "pump")
    with pytest.raises(ValueError, match="role fit or validation"):
        thresholds.fit("quantile", scores)


def test_scores_are_one_finite_number_per_step() -> None:
    split = types.cut_test(np.ones((4, 2)))
    with pytest.raises(ValueError, match="expected \\(4,\\)"):
        split.scored(np.zeros(3))
    with pytest.raises(ValueError, match="nan at step 2"):
        split.scored(np.array([0.0, 1.0, np.nan, 2.0]))


def test_scores_of_different_roles_are_not_joined() -> None:
    fit, held_out = types.cut_train(np.zeros((100, 1)), window=5)
    assert held_out is not None
    parts = [part.scored(np.zeros(len(part))) for part in (fit, held_out)]
    with pytest.raises(ValueError, match="one role"):
        types.Scores.join(parts)


def test_restoring_refuses_an_unknown_role() -> None:
    with pytest.raises(ValueError, match="fit, validation, test"):
        types.restored(np.zeros(3), "training", "pump")
