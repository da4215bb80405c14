"""What every detector promises, a function each; a broken one raises AssertionError."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad.check.cases import (
    ROWS,
    SAMPLES,
    STEPS,
    Case,
    first_batch,
    make,
    scores,
    train,
    view,
)
from jaxtsad.training import fleet
from jaxtsad.training.plan import Members
from jaxtsad.types import Clock, PyTree, State

PLANTED = slice(40, 43)


def scores_are_finite_and_shaped(case: Case) -> None:
    """One finite score per window, step of a window, or sample."""
    scored = scores(case, make(case.config, case.kind, seed=3))
    count = SAMPLES
    shapes: tuple[tuple[int, ...], ...] = ((count,),)
    if case.kind == "window":
        count = STEPS - case.config.window + 1
        shapes = ((count,), (count, case.config.window))
    _require(scored.shape in shapes, f"scores are {scored.shape}, expected {shapes}")
    _require(np.isfinite(scored).all(), "scores are not finite")


def state_is_non_empty_arrays_and_keeps_its_structure(case: Case) -> None:
    """`init` gives a `State` of non-empty arrays, `advance` one of the same shapes."""
    detector, source, key = case.detector, case.source, jax.random.key(0)
    state = jax.eval_shape(detector.init, key, source)
    _require(isinstance(state, State), f"init gives {type(state)}, expected a State")
    for leaf in jax.tree.leaves(state):
        _require(leaf.size > 0, "the state holds an empty array")
    for leaf in jax.tree.leaves(case.model):
        _require(isinstance(leaf, jax.Array), f"the model holds {type(leaf)}")
    count = min(1, detector.steps(source))
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(count), jnp.float32(1))
    after, _ = jax.eval_shape(detector.advance, key, state, source, clock)
    _require(_layout(state) == _layout(after), "advance changes the state's structure")


def training_is_deterministic_in_the_key(case: Case) -> None:
    """The same key and data give the same model, bit for bit."""
    again = train(case.detector, [case.source])
    _require_same(case.model, fleet.member(again.model, 0))


def rows_are_scored_independently(case: Case) -> None:
    """A score does not depend on what else is in the batch."""
    batch, keys = first_batch(case)
    score = jax.jit(case.detector.score)
    together = score(keys, case.model, batch)
    others = batch.values.at[1:].multiply(-3.0)
    disturbed = score(keys, case.model, batch._replace(values=others))
    np.testing.assert_allclose(together[0], disturbed[0], rtol=1e-5, atol=1e-6)
    _require(
        not np.allclose(together[1], disturbed[1]), "scores do not depend on the values"
    )


def jit_and_vmap_equal_a_loop(case: Case) -> None:
    """A compiled batch, a mapped function and row after row give the same scores."""
    batch, keys = first_batch(case)
    together = jax.jit(case.detector.score)(keys, case.model, batch)

    @jax.jit
    def single(key: Any, row: Any) -> Any:
        one = jax.tree.map(lambda leaf: leaf[None], row)
        return case.detector.score(key[None], case.model, one)[0]

    rows = [jax.tree.map(lambda leaf, i=i: leaf[i], batch) for i in range(ROWS)]
    loop = np.stack([single(key, row) for key, row in zip(keys, rows, strict=True)])
    mapped = jax.jit(jax.vmap(single))(keys, batch)
    np.testing.assert_allclose(together, loop, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mapped, loop, rtol=1e-4, atol=1e-5)


def higher_is_more_anomalous(case: Case) -> None:
    """A planted anomaly raises the scores that see it and no others."""
    values = make(case.config, case.kind, seed=3)
    planted, window = values.copy(), 1
    planted[PLANTED] += 9.0
    if case.kind == "window":
        window = case.config.window
    before, after = scores(case, values), scores(case, planted)
    place = np.arange(len(before))
    touched = (place > PLANTED.start - window) & (place < PLANTED.stop)
    doubled = after[touched].mean() > 2 * before[touched].mean()
    # A score with an upper bound cannot double; it must then peak above all the others.
    peaks = after[touched].reshape(touched.sum(), -1).max(axis=1)
    _require(
        bool(doubled or peaks.min() > before.max()),
        f"a planted anomaly scores {after[touched].mean():.4g} on average, "
        f"{before[touched].mean():.4g} before it was planted",
    )
    np.testing.assert_allclose(after[~touched], before[~touched], rtol=1e-4, atol=1e-6)


def explanations_sum_to_the_score(case: Case) -> None:
    """What `explain` gives, where it is offered, sums to the score over channels."""
    if case.detector.explain is None:
        return
    batch, keys = first_batch(case)
    explained = jax.jit(case.detector.explain)(keys, case.model, batch)
    _require(
        explained.shape == batch.values.shape,
        f"explanations are {explained.shape}, expected {batch.values.shape}",
    )
    score = jax.jit(case.detector.score)(keys, case.model, batch)
    np.testing.assert_allclose(explained.sum(-1), score, rtol=1e-4, atol=1e-6)


def bad_options_are_fatal(case: Case) -> None:
    """A bad size is a ValueError that names it; equal configs build one detector."""
    try:
        dataclasses.replace(case.config, window=0)
    except ValueError as error:
        _require("window" in str(error), f"window=0 gives {str(error)!r}")
    else:
        raise AssertionError("window=0 is accepted")
    equal = dataclasses.replace(case.config)
    _require(hash(equal) == hash(case.config), "equal configs differ in their hash")
    build = sys.modules[case.name].build
    _require(build(equal) is case.detector, "equal configs build two detectors")


def saved_and_loaded_scores_agree(case: Case) -> None:
    """A model is its arrays: written and read back they give the same scores."""
    template = jax.eval_shape(case.detector.init, jax.random.key(0), case.source).model
    _require(
        _layout(template) == _layout(case.model),
        "a trained model has another structure or shape than init gives",
    )
    leaves, structure = jax.tree.flatten(case.model)
    data = safetensors.numpy.save(
        {str(i): np.ascontiguousarray(leaf) for i, leaf in enumerate(leaves)}
    )
    arrays = safetensors.numpy.load(data)
    read = [jnp.asarray(arrays[str(i)]) for i in range(len(leaves))]
    loaded = dataclasses.replace(case, model=jax.tree.unflatten(structure, read))
    values = make(case.config, case.kind, seed=9)
    np.testing.assert_array_equal(scores(case, values), scores(loaded, values))


def an_empty_batch_changes_nothing(case: Case) -> None:
    """Batches of total weight 0 leave a model as it was initialised."""
    if not case.detector.steps(case.source):
        return
    empty = case.source.with_arrays(weight=jnp.zeros(case.source.size))
    before, after = (train(case.detector, [empty], epochs=n).model for n in (0, 2))
    _require_same(before, after)


def members_together_equal_members_alone(case: Case, members: Members = "map") -> None:
    """A member of a fleet, padded to the longest, learns what it learns alone.

    Args:
        case: The detector.
        members: How the members share a program: `map` or `vmap`.
    """
    values = make(case.config, case.kind, seed=5, extra=37)
    sources = [case.source, view(case.config, case.kind, values)]
    keys = jax.random.split(jax.random.key(2), 2)
    together = train(case.detector, sources, keys, epochs=2, members=members)
    # The first is the shorter one; alone it has the shapes that are compiled already.
    alone = train(case.detector, [case.source], keys[:1], epochs=2)
    _require_same(
        fleet.member(together.model, 0),
        fleet.member(alone.model, 0),
        atol=1e-5,
        rtol=1e-4,
    )


CHECKS: tuple[Callable[[Case], None], ...] = (
    scores_are_finite_and_shaped,
    state_is_non_empty_arrays_and_keeps_its_structure,
    training_is_deterministic_in_the_key,
    rows_are_scored_independently,
    jit_and_vmap_equal_a_loop,
    higher_is_more_anomalous,
    explanations_sum_to_the_score,
    bad_options_are_fatal,
    saved_and_loaded_scores_agree,
    an_empty_batch_changes_nothing,
    members_together_equal_members_alone,
)


def _layout(tree: PyTree) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _require_same(
    first: PyTree, second: PyTree, atol: float = 0, rtol: float = 0
) -> None:
    _require(_layout(first) == _layout(second), "models differ in structure or shape")
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=atol, rtol=rtol)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
