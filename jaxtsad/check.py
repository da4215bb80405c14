"""The contract: what every detector promises, checked for anybody's detector.

A detector is a module with a frozen dataclass `Config` (options `window` and `channels`
and its own), a function `build(config) -> Detector` and a small config `TINY` that
learns in a second; `LAYOUTS` names the kinds of input it can see: `window`, `image` or
`table` (windows alone where it is missing; others need an option `layout`).
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad import detectors, types
from jaxtsad.ops import samples, windows
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, scoring
from jaxtsad.training.plan import Members, Plan
from jaxtsad.types import Clock, Detector, PyTree, State

STEPS, SAMPLES, EPOCHS, BATCH, ROWS = 160, 80, 12, 16, 8
SIDES = (8, 16, 28, 32)
PLANTED = slice(40, 43)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A detector trained on made data of one kind.

    Attributes:
        name: Name of the detector's module.
        kind: `window`, `image` or `table`.
        config: The small config.
        detector: What was built of it.
        source: View of the fit part.
        model: The trained model.
    """

    name: str
    kind: str
    config: Any
    detector: Detector
    source: Any
    model: PyTree


def kinds(detector: str | ModuleType | Callable[..., Detector]) -> tuple[str, ...]:
    """The kinds of input that a detector declares: `window`, `image`, `table`."""
    return tuple(getattr(_module(detector), "LAYOUTS", ("window",)))


def prepare(
    detector: str | ModuleType | Callable[..., Detector],
    kind: str = "window",
    config: Any = None,
) -> Case:
    """Builds a detector for a kind of input and trains it for some epochs.

    Args:
        detector: A name, a detector's module or its `build`.
        kind: One of `kinds(detector)`.
        config: A small config for windows; None for the module's `TINY`.

    Raises:
        ValueError: If there is no small config, or none of small images fits it.
    """
    module = _module(detector)
    config = _sized(module, kind, config)
    built = module.build(config)
    source = _view(config, kind, make(config, kind))
    result = _train(built, [source])
    model = fleet.member(result.model, 0)
    return Case(module.__name__, kind, config, built, source, model)


def make(config: Any, kind: str, seed: int = 0, extra: int = 0) -> np.ndarray:
    """Normal data of a kind: sines `[T, C]`, bars `[N, H, W, C]` or rows `[N, D]`.

    Args:
        config: Gives the sizes.
        kind: `window`, `image` or `table`.
        seed: Of the data.
        extra: Steps or samples more than usual.
    """
    rng = np.random.default_rng(seed)
    count = (STEPS if kind == "window" else SAMPLES) + extra
    if kind == "window":
        phase = rng.uniform(0, 6, config.channels)
        values = np.sin(np.arange(count)[:, None] * 2 * np.pi / 12 + phase[None])
    elif kind == "image":
        rows = np.arange(config.window)[None, :, None, None]
        places = rng.integers(2, config.window - 3, (count, 1, 1, 1))
        bar = np.where(abs(rows - places) <= 1, 0.8, -0.8)
        values = np.tile(bar, (1, 1, config.window, config.channels))
    else:
        mixing = np.random.default_rng(0).normal(size=(2, config.channels))
        values = rng.normal(size=(count, 2)) @ mixing
    return (values + 0.05 * rng.normal(size=values.shape)).astype(np.float32)


def scores(case: Case, values: np.ndarray) -> np.ndarray:
    """Scores `[N, L]` or `[N]` of all windows of a series, or of samples."""
    test = _view(case.config, case.kind, values, test=True)
    scored = scoring.run(
        jax.random.key(1)[None],
        case.detector,
        jax.tree.map(lambda leaf: leaf[None], case.model),
        fleet.stack([test], bucketed=True),
        batch_size=BATCH,
        counts=np.array([test.size]),
    )
    return np.asarray(scored)[0, : test.size]


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
    again = _train(case.detector, [case.source])
    _same(case.model, fleet.member(again.model, 0))


def rows_are_scored_independently(case: Case) -> None:
    """A score does not depend on what else is in the batch."""
    batch, keys = _batch(case)
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
    batch, keys = _batch(case)
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
    batch, keys = _batch(case)
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
    before, after = (_train(case.detector, [empty], epochs=n).model for n in (0, 2))
    _same(before, after)


def members_together_equal_members_alone(case: Case, members: Members = "map") -> None:
    """A member of a fleet, padded to the longest, learns what it learns alone.

    Args:
        case: The detector.
        members: How the members share a program: `map` or `vmap`.
    """
    values = make(case.config, case.kind, seed=5, extra=37)
    sources = [case.source, _view(case.config, case.kind, values)]
    keys = jax.random.split(jax.random.key(2), 2)
    together = _train(case.detector, sources, keys, epochs=2, members=members)
    # The first is the shorter one; alone it has the shapes that are compiled already.
    alone = _train(case.detector, [case.source], keys[:1], epochs=2)
    _same(
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


def check_detector(
    detector: str | ModuleType | Callable[..., Detector], config: Any = None
) -> None:
    """Checks that a detector keeps the contract, for every kind of input it declares.

    Args:
        detector: A name of `jaxtsad.detectors.available()`, a detector's module (see
            above what it holds), or its `build`.
        config: A small config for windows; None for the module's `TINY`.

    Raises:
        AssertionError: Naming the detector, the kind of input and the broken promise.
        ValueError: If there is no such detector or no small config.

    Example:
        >>> check_detector("zscore")
    """
    for kind in kinds(detector):
        case = prepare(detector, kind, config)
        for check in CHECKS:
            try:
                check(case)
            except AssertionError as error:
                promise = check.__name__.replace("_", " ")
                raise AssertionError(
                    f"{case.name} on input of kind {kind}: {promise}: {error}"
                ) from None


def _module(detector: str | ModuleType | Callable[..., Detector]) -> ModuleType:
    if isinstance(detector, str):
        return detectors.module(detector)
    if isinstance(detector, ModuleType):
        return detector
    return sys.modules[detector.__module__]


def _sized(module: ModuleType, kind: str, config: Any) -> Any:
    """The small config with the sizes of a kind of input."""
    config = getattr(module, "TINY", None) if config is None else config
    if config is None:
        raise ValueError(f"{module.__name__} has no TINY; hand over a small config")
    if kind == "window":
        return config
    refused = ""
    for size in SIDES if kind == "image" else (1,):
        sizes = {"window": size, "channels": 1 if kind == "image" else 5}
        try:
            return dataclasses.replace(config, layout=kind, **sizes)
        except ValueError as error:
            refused = str(error)
    raise ValueError(f"{module.__name__}: no small {kind} fits its config: {refused}")


def _view(config: Any, kind: str, values: np.ndarray, test: bool = False) -> Any:
    if test:
        part = types.cut_test(values)
    else:
        part, _ = types.cut_train(values, window=config.window, validation=0)
    if kind == "window":
        return windows.view(part, config.window, 1)
    return samples.view(part)


def _train(
    detector: Detector,
    sources: list[Any],
    keys: Any = None,
    epochs: int = EPOCHS,
    members: Members = "auto",
) -> training.Result:
    return training.fit(
        jax.random.key(7)[None] if keys is None else keys,
        detector,
        fleet.stack(sources),
        plan=Plan(epochs=epochs, stop="none", members=members),
    )


def _batch(case: Case) -> tuple[Any, Any]:
    """The first samples of the fit part and a key for each."""
    batch = case.source.take(jnp.arange(ROWS, dtype=jnp.int32))
    fold = functools.partial(jax.random.fold_in, jax.random.key(0))
    return batch, jax.vmap(fold)(batch.index)


def _layout(tree: PyTree) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _same(first: PyTree, second: PyTree, atol: float = 0, rtol: float = 0) -> None:
    _require(_layout(first) == _layout(second), "models differ in structure or shape")
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=atol, rtol=rtol)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
