"""Every suite runs at smoke sizes because it exists; every detector has data."""

from __future__ import annotations

import dataclasses
import functools
import math
import types

import pytest

from benchmarks.throughput import library, results, sources, suites
from benchmarks.throughput import options as options_
from benchmarks.throughput.options import Options
from benchmarks.throughput.suites import detectors as suite
from jaxtsad import detectors
from jaxtsad.training import fleet

# Compiling costs most of a test: these suites take the cheapest detector.
CHEAP = {
    "detectors": "zscore",
    "fleet": "zscore",
    "growth": "zscore",
    "recurrent": "zscore",
    "streams": "zscore",
}


@functools.cache
def rows_of(name):
    """The rows of a suite at smoke sizes, measured once for all tests."""
    asked = Options(detector=CHEAP.get(name), show=lambda line: None)
    with pytest.MonkeyPatch.context() as patch:
        if name == "attention":
            patch.setattr(suites.module(name), "LAYERS", 1)
        if name == "start":  # processes that import nothing are timed just as well
            patch.setattr(suites.module(name), "MAKE", "")
            patch.setattr(suites.module(name), "SCORE", "")
        return tuple(suites.module(name).measure(options_.smoke(asked)))


@pytest.mark.parametrize("name", suites.available())
def test_a_suite_measures_rows_of_its_own(name):
    rows = rows_of(name)
    assert rows
    assert len({(row["case"], row.get("steps")) for row in rows}) == len(rows)
    for row in rows:
        assert row["suite"] == name
        timed = [v for key, v in row.items() if key.endswith(("_per_s", "seconds"))]
        assert timed and all(math.isfinite(v) and v > 0 for v in timed)


def test_streams_timed_for_longer_are_the_same_cases():
    asked = options_.smoke(Options(detector=CHEAP["streams"], show=lambda line: None))
    longer = dataclasses.replace(asked, seconds=4 * asked.seconds)
    again = [*suites.module("streams").measure(longer)]
    assert [*map(results.place, rows_of("streams"))] == [*map(results.place, again)]


def test_one_size_grows_at_a_time():
    growth, asked = suites.module("growth"), Options()
    usual = suite.config_of("anomaly_transformer", asked)
    configs = [*growth.configs("anomaly_transformer", asked)]
    assert configs.count(usual) == 1
    changed = {config: changes(usual, config) for config in configs if config != usual}
    assert all(len(names) == 1 for names in changed.values())
    assert {*sum(changed.values(), ())} == {*growth.GROWING}


def changes(before, after):
    before, after = dataclasses.asdict(before), dataclasses.asdict(after)
    return tuple(name for name in before if before[name] != after[name])


def test_growth_has_fleets_of_their_own_sizes(monkeypatch):
    growth, asked = suites.module("growth"), []

    def measure(options):
        asked.append(options)
        yield {"suite": "recurrent", "case": "a fleet"}

    monkeypatch.setattr(growth.recurrent, "measure", measure)
    monkeypatch.setattr(growth, "configs", lambda name, options: ())
    (row,) = growth.measure(Options(sizes={"width": 16}))
    assert row["suite"] == "growth"
    assert (asked[0].sizes, asked[0].members) == ({}, growth.MEMBERS)
    given = Options(members=(3,), sizes={"window": 20})
    assert [*growth.measure(given)] == [row] and asked[1] == given


@pytest.mark.slow
def test_starts_are_of_a_detector_that_scores():
    rows = [*suites.module("start").measure(options_.smoke(Options()))]
    assert [row["case"].split(", ")[0] for row in rows][-2:] == ["zscore", "zscore"]


@pytest.mark.parametrize("name", [*filter(detectors.is_single, detectors.available())])
def test_every_detector_has_sizes_and_data(name):
    asked = Options(detector=None, batches=2)
    config = suite.config_of(name, asked)
    batch = library.batch_of(config)
    data = sources.stacked(config, batch * 2, members=2)
    assert (fleet.members_of(data), data.size) == (2, batch * 2)
    assert detectors.module(name).build(config).steps(fleet.member(data, 0)) >= 0
    assert suite.case_of(name, config).startswith(f"{name}, ")


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [({"size": 16, "channels": 3}, (16, 16, 3)), ({"features": 5}, (5,))],
)
def test_images_and_rows_are_made_up_too(sizes, shape):
    data = sources.stacked(types.SimpleNamespace(**sizes), 4, members=2)
    assert data.values.shape == (2, 4, *shape)


def test_data_that_is_not_known_is_told():
    with pytest.raises(ValueError, match="does not know what data"):
        sources.stacked(types.SimpleNamespace(depth=3), 4)


def test_sizes_count_for_the_detectors_that_have_them():
    asked = Options(sizes={"width": 16, "window": 20})
    assert suite.config_of("zscore", asked).window == 20
    config = suite.config_of("anomaly_transformer", asked)
    assert (config.width, config.window, config.channels) == (16, 20, suite.CHANNELS)
    with pytest.raises(ValueError, match="zscore has no width; its sizes are window"):
        suite.config_of("zscore", Options(detector="zscore", sizes={"width": 16}))


def test_an_unknown_suite_names_the_choices():
    with pytest.raises(ValueError, match="the choices are attention, detectors"):
        suites.module("no_such_suite")
