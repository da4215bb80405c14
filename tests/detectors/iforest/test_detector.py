"""iforest: a forest of real rows only, grown once on the host."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from jaxtsad.detectors.iforest import detector as iforest
from jaxtsad.detectors.iforest.config import Config
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, plan
from jaxtsad.types import State
from tests.detectors import views
from tests.models import scikit_learn_forest

LENGTH, CHANNELS = 5, 3
RNG = np.random.default_rng(1)
FIT = RNG.normal(size=(120, CHANNELS)).astype(np.float32)


def test_size_counts_far_beyond_all_fit_rows_alone() -> None:
    low, high = jnp.array([-1.0, 3.0]), jnp.array([1.0, 3.0])
    rows = [[21.0, 3.0], [-23.0, 3.0], [0.0, 14.0], [0.0, -7.5], [1e30, 3.0]]
    found = iforest.with_size(jnp.full(5, 0.6), jnp.array(rows), low, high)
    added = np.log([1, 2, 2, 1.5, 5e29])
    np.testing.assert_allclose(found, 0.6 + added, rtol=1e-6)


@pytest.mark.parametrize("on", ["step", "window"])
def test_the_forest_grows_on_real_rows_whatever_the_plan(on: str) -> None:
    config = Config(LENGTH, CHANNELS, on=on, trees=30, max_samples=64)
    detector = iforest.build(config)
    source = views.fit_view(FIT, LENGTH)
    models = [
        training.fit(
            jax.random.key(4)[None],
            detector,
            fleet.stack([view]),
            plan=plan.Plan(epochs=epochs),
        ).model
        for view, epochs in (
            (source, 0),
            (source, 7),
            (views.padded(source, steps=LENGTH, count=4), 1),
        )
    ]
    for other in models[1:]:
        for name, leaf in models[0].items():
            np.testing.assert_array_equal(leaf, other[name])
    rows = views.batch(FIT, LENGTH)
    found = views.run(detector, "score", fleet.member(models[0], 0), rows)
    assert found.shape == ((116, LENGTH) if on == "step" else (116,))
    far = rows._replace(values=rows.values + 20)
    above = views.run(detector, "score", fleet.member(models[0], 0), far)
    assert above.min() > found.mean()


def test_a_refresh_replaces_the_forest_by_the_key() -> None:
    config = Config(LENGTH, CHANNELS, trees=5, max_samples=16)
    detector = iforest.build(config)
    source = views.fit_view(FIT, LENGTH)
    state = State(views.init(detector, source), ())
    assert detector.refresh is not None
    grown = [
        detector.refresh(jax.random.key(seed), state, source).model
        for seed in (0, 0, 1)
    ]
    same, other = (
        all(np.array_equal(grown[0][name], one[name]) for name in one)
        for one in grown[1:]
    )
    assert same and not other
    shapes = [{n: (a.shape, a.dtype) for n, a in m.items()} for m in (state[0], *grown)]
    assert all(one == shapes[0] for one in shapes)


def test_models_saved_when_scikit_learn_grew_the_trees_score_the_same() -> None:
    config = Config(LENGTH, CHANNELS, trees=25, max_samples=64)
    detector = iforest.build(config)
    forest = IsolationForest(n_estimators=25, max_samples=64, random_state=2).fit(FIT)
    bounds = {"low": jnp.asarray(FIT.min(0)), "high": jnp.asarray(FIT.max(0))}
    model = scikit_learn_forest.arrays(forest, 64) | bounds
    fresh = views.init(detector, views.fit_view(FIT, LENGTH))
    assert {name: leaf.shape for name, leaf in model.items()} == {
        name: leaf.shape for name, leaf in fresh.items()
    }
    batch = views.batch(FIT, LENGTH)
    found = views.run(detector, "score", model, batch)
    rows = np.asarray(batch.values).reshape(-1, CHANNELS)
    expected = -forest.score_samples(rows).reshape(-1, LENGTH)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_of_very_many_windows_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iforest, "MOST_WINDOWS", 20)
    config = Config(LENGTH, CHANNELS, on="window")
    rows = iforest._rows(config, views.fit_view(FIT, LENGTH), seed=0)
    assert rows.shape == (20, LENGTH * CHANNELS)
    everything = np.asarray(views.batch(FIT, LENGTH).values).reshape(116, -1)
    known = {row.tobytes() for row in everything}
    assert len({row.tobytes() for row in rows} & known) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on": "day"}, "on='day' is unknown; the choices are step, window"),
        ({"trees": 0}, "trees=0 must be a whole number of at least 1"),
        ({"max_samples": 0}, "max_samples=0 must be a whole number of at least 1"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(LENGTH, CHANNELS, **options)
