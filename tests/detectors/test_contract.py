"""The contract: what every detector promises, tested because it exists.

The promises are `jaxtsad.check`, which ships; here they run for every detector and
every kind of input that it declares, and the estimators save and load each.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxtsad import check, detectors
from jaxtsad.detectors import knn
from jaxtsad.estimator import SampleDetector, TimeSeriesDetector, load

NAMES = detectors.available()
# Compiling costs: as a fleet these are tested by the slow command.
SLOW_DETECTORS = (
    "anomaly_transformer",
    "anomaly_transformer_headwise",
    "deep_clustering",
    "dplan",
    "ganomaly",
    "latent_search",
    "lstm_attention",
    "lstm_autoencoder",
)
KINDS = [(name, kind) for name in NAMES for kind in check.kinds(name)]
# An ensemble has no functions of its own: it is tested through the estimators.
SINGLE = [name for name in NAMES if detectors.is_single(name)]
prepared = functools.cache(check.prepare)
# All tests of a detector one after another: programs of few detectors are kept.
each_detector = pytest.mark.parametrize("name", NAMES, scope="module")


def sines(steps: int, channels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, channels)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 12 + phase[None])
    return (wave + 0.05 * rng.normal(size=wave.shape)).astype(np.float32)


def options_of(config: Any) -> dict[str, Any]:
    """Options of a config that an estimator does not take from its data."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in ("window", "channels", "layout")
    }


@functools.cache
def fitted(name: str) -> TimeSeriesDetector:
    """An estimator of a detector's small config, trained on sines."""
    config = detectors.module(name).TINY
    detector = TimeSeriesDetector(
        name,
        window=config.window,
        options=options_of(config),
        epochs=12,
        stop="none",
        validation=0,
    )
    return detector.fit(sines(160, config.channels))


def slow(name: str, kind: str, promise: Any = None) -> list[pytest.MarkDecorator]:
    fleet = promise is check.members_together_equal_members_alone
    costly = kind != "window" or (fleet and name in SLOW_DETECTORS)
    return [pytest.mark.slow] if costly else []


@pytest.mark.parametrize(
    ("name", "kind", "promise"),
    [
        pytest.param(
            name,
            kind,
            promise,
            marks=slow(name, kind, promise),
            id=f"{promise.__name__}-{name}-{kind}",
        )
        for name, kind in KINDS
        for promise in check.CHECKS
        if name in SINGLE
    ],
)
def test_contract(name: str, kind: str, promise: Callable[[check.Case], None]) -> None:
    promise(prepared(name, kind))


@pytest.mark.slow
@pytest.mark.parametrize("name", SINGLE)
def test_contract_members_together_vmapped_equal_members_alone(name: str) -> None:
    check.members_together_equal_members_alone(prepared(name), "vmap")


@each_detector
def test_contract_unknown_options_are_fatal_and_name_the_choices(name: str) -> None:
    sizes = {"window": 8, "channels": 3}
    with pytest.raises(ValueError, match="the choices are window"):
        detectors.load(name, {**sizes, "no_such_option": 1})
    with pytest.raises(ValueError, match="window"):
        detectors.load(name, {"window": 0, "channels": 3})
    hash(detectors.configure(name, sizes))
    if name not in SINGLE:
        with pytest.raises(ValueError, match="made of other detectors"):
            detectors.load(name, sizes)
        return
    assert detectors.load(name, sizes) is detectors.load(name, sizes)


@each_detector
def test_contract_saved_and_loaded_estimators_agree(name: str, tmp_path: Any) -> None:
    detector = fitted(name)
    agree_once_saved(detector, sines(70, detector.n_features_in_, seed=9), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kind in KINDS if kind != "window"]
)
def test_contract_saved_and_loaded_estimators_of_samples_agree(
    name: str, kind: str, tmp_path: Any
) -> None:
    config = prepared(name, kind).config
    detector = SampleDetector(name, options=options_of(config), epochs=1, validation=0)
    detector.fit(check.make(config, kind))
    agree_once_saved(detector, check.make(config, kind, seed=9), tmp_path)


def agree_once_saved(detector: Any, test: np.ndarray, folder: Any) -> None:
    detector.save(folder / "saved")
    first = detector.decision_function(test)
    second = load(folder / "saved").decision_function(test)
    np.testing.assert_array_equal(first, second)


@each_detector
@settings(max_examples=10)
@given(steps=st.integers(1, 90), place=st.floats(0.1, 0.9))
@example(steps=1, place=0.5)
@example(steps=2, place=0.5)
@example(steps=7, place=0.5)
@example(steps=8, place=0.5)
@example(steps=9, place=0.5)
def test_contract_every_length_is_scored_and_a_plant_is_found(
    name: str, steps: int, place: float
) -> None:
    detector = fitted(name)
    values = sines(steps, detector.n_features_in_, seed=4)
    at = int(place * steps)
    values[at] += 12.0
    scores = detector.decision_function(values)
    assert scores.shape == (steps,) and np.isfinite(scores).all()
    if steps > 1:
        assert abs(int(scores.argmax()) - at) <= detector.window
    assert detector.predict(values).shape == (steps,)


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of a detector that breaks a promise."""

    window: int = 8
    channels: int = 3
    fault: str = "none"

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window={self.window} must be at least 1")


TINY = Config()


@functools.lru_cache
def build(config: Config) -> Any:
    """Nearest windows, broken as the config says."""
    good = knn.build(knn.TINY)

    def score(keys: Any, model: Any, batch: Any) -> Any:
        scores = good.score(keys, model, batch)
        if config.fault == "sign":
            return -scores
        if config.fault == "batch":
            return scores - scores.mean()
        if config.fault == "shape":
            return scores[:, 1:]
        if config.fault == "nan":
            return jnp.where(scores > jnp.median(scores), jnp.nan, scores)
        return scores

    def explain(keys: Any, model: Any, batch: Any) -> Any:
        explained = good.explain(keys, model, batch)
        return explained * 2 if config.fault == "explain" else explained

    return good._replace(score=score, explain=explain)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("sign", "higher is more anomalous"),
        ("batch", "rows are scored independently"),
        ("shape", "scores are finite and shaped"),
        ("nan", "scores are not finite"),
        ("explain", "explanations sum to the score"),
    ],
)
def test_contract_names_what_anybodys_detector_breaks(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check.check_detector(build, dataclasses.replace(TINY, fault=fault))


def test_contract_is_kept_by_anybodys_detector() -> None:
    check.check_detector(build)


def test_contract_a_build_stands_for_its_detector() -> None:
    for name in ("ganomaly", "devnet", "pca"):
        assert check.kinds(detectors.module(name).build) == check.kinds(name)
