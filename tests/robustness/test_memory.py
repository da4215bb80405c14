"""Memory and compilations stay bounded, whatever lengths come: counted, not timed."""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
from collections.abc import Iterator

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import TimeSeriesDetector, types
from jaxtsad.ops import windows
from jaxtsad.ops.aggregate import AGGREGATES
from jaxtsad.pipeline import scoring
from jaxtsad.training import fleet, programs

MIB = 2**20
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """Names of the compilations since the test began, one each."""
    names: list[str] = []

    def count(name: str, seconds: float, **facts: object) -> None:
        if name == COMPILED:
            names.append(name)

    jax.monitoring.register_event_duration_secs_listener(count)
    yield names
    jax.monitoring.unregister_event_duration_listener(count)


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("number", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_any_lengths_compile_little(compiled: list[str], number: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40_000, 2))
    detector = TimeSeriesDetector("zscore", window=20).fit(values[:500])
    lengths = rng.integers(1, len(values), size=number)
    lengths[::2] = rng.integers(1, 3000, size=number // 2)
    detector.decision_function(values[:300])
    compiled.clear()
    before = resident()
    for length in lengths:
        assert len(detector.decision_function(values[:length])) == length
    assert 0 < len(compiled) <= 20
    assert resident() - before < 100 * MIB


@settings(max_examples=5)
@given(
    steps=st.integers(300, 900),
    stride=st.integers(1, 12),
    aggregate=st.sampled_from(AGGREGATES),
    window=st.sampled_from([12, 20]),
)
def test_pieces_give_the_scores_of_the_whole(
    steps: int, stride: int, aggregate: str, window: int
) -> None:
    rng = np.random.default_rng(steps)
    train, test = rng.normal(size=(200, 2)), rng.normal(size=(steps, 2))
    detector = TimeSeriesDetector(
        "pca", window=window, score_stride=stride, aggregate=aggregate
    ).fit(train)
    whole = detector.decision_function(test)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scoring, "CHUNK", 128)
        pieces = detector.decision_function(test)
    np.testing.assert_allclose(pieces, whole, rtol=1e-5)


@given(
    steps=st.integers(20, 5000), stride=st.integers(1, 20), length=st.integers(2, 20)
)
def test_every_step_is_final_in_one_piece(steps: int, stride: int, length: int) -> None:
    part = types.cut_test(np.arange(steps, dtype=float)[:, None])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scoring, "CHUNK", 256)
        pieces = scoring.pieces_of(part, length, min(stride, length), True)
        assert max(len(piece.part) for piece in pieces) <= 256 + 2 * length
    final = np.concatenate([piece.part.values[piece.final, 0] for piece in pieces])
    np.testing.assert_array_equal(final, np.arange(steps))


def remembered() -> list[functools._lru_cache_wrapper]:
    """The caches of the package's own modules."""
    modules = [each for name, each in sys.modules.items() if name.startswith("jaxtsad")]
    functions = [each for module in modules for each in vars(module).values()]
    return [f for f in functions if isinstance(f, functools._lru_cache_wrapper)]


def forgotten() -> int:
    """Compiled programs that are left when these caches are emptied."""
    for cache in remembered():
        cache.cache_clear()
    gc.collect()
    return len(jax.devices()[0].client.live_executables())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("zscore", {}),
        ("pca", {}),
        ("ar", {}),
        pytest.param("lstm_autoencoder", {"epochs": 1}, marks=pytest.mark.slow),
    ],
)
def test_only_bounded_caches_hold_programs(name: str, options: dict) -> None:
    values = np.random.default_rng(0).normal(size=(300, 2))
    left = []
    for window in (8, 12, 16):
        detector = TimeSeriesDetector(name, window=window, **options).fit(values)
        detector.predict(values[:100])
        left.append(forgotten())
    assert left[1] == left[2] <= left[0] + 1
    sizes = [cache.cache_parameters()["maxsize"] for cache in remembered()]
    assert programs.KEPT in sizes
    assert all(size is None or size <= 64 for size in sizes)


@pytest.mark.slow
def test_two_hundred_refits_stay_bounded() -> None:
    values = np.random.default_rng(0).normal(size=(1200, 2))
    client, sizes, programs_left = jax.devices()[0].client, [], []
    for window in range(8, 208):
        TimeSeriesDetector("zscore", window=window).fit(values).predict(values[:400])
        sizes.append(resident())
        programs_left.append(len(client.live_executables()))
    assert max(programs_left) <= programs_left[39] + 5
    assert max(sizes) - sizes[39] < 100 * MIB


def test_two_thousand_members_are_stacked_in_one_piece(compiled: list[str]) -> None:

    part, _ = types.cut_train(np.ones((100, 2)), window=4, validation=0)
    stacked = fleet.stack([windows.view(part, 4, 1)] * 2000)
    assert stacked.values.shape == (2000, 100, 2) and not compiled


def test_a_long_member_does_not_lengthen_the_others() -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(60 + i, 1)) for i in range(6)]
    series.insert(2, rng.normal(size=(9000, 1)))
    together = TimeSeriesDetector("pca", window=8).fit(series)
    assert len(fleet.similar([len(each) for each in series])) == 2
    for place, each in enumerate(series):
        alone = TimeSeriesDetector("pca", window=8).fit(each)
        np.testing.assert_allclose(
            together.decision_function(series)[place],
            alone.decision_function(each),
            rtol=1e-4,
            atol=1e-6,
        )


LONG_AND_SHORT = """
import sys
import numpy as np
from benchmarks.throughput import memory
from jaxtsad import TimeSeriesDetector

rng = np.random.default_rng(0)
series = [rng.normal(size=(200 + i % 50, 2)) for i in range(200)]
series.append(rng.normal(size=(200_000, 2)))
detector = TimeSeriesDetector(sys.argv[1], window=20)
mark = memory.begin()
detector.fit(series)
print(memory.end(mark)["peak_memory_bytes"])
"""


@pytest.mark.slow  # a process each
@pytest.mark.parametrize("name", ["zscore", "pca", "knn"])
def test_many_short_series_and_a_long_one_take_little_memory(name: str) -> None:
    """All that the process holds; of one padding for all it were 2.8 GB."""
    command = [sys.executable, "-c", LONG_AND_SHORT, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 600 * MIB
