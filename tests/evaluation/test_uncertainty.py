from __future__ import annotations

import math

import numpy as np
import pytest

from jaxtsad.evaluation import uncertainty

RANDOM = np.random.default_rng(0).normal(0.2, 0.05, 20)


def test_over_seeds_is_the_student_t_interval():
    found = uncertainty.over_seeds(np.array([1.0, 2.0, 3.0, 4.0, np.nan]))
    # sd = sqrt(5/3); the 97.5 % quantile of t with 3 degrees of freedom is 3.182446.
    half = 3.182446 * math.sqrt(5 / 3) / 2
    assert found.mean == 2.5 and found.n == 4
    assert found.sd == pytest.approx(math.sqrt(5 / 3))
    assert (found.low, found.high) == pytest.approx((2.5 - half, 2.5 + half), rel=1e-6)


def test_too_few_values_have_no_interval():
    one = uncertainty.over_seeds(np.array([0.3]))
    assert one.mean == 0.3 and math.isnan(one.sd) and math.isnan(one.low)
    none = uncertainty.over_seeds(np.array([np.nan, np.nan]))
    assert none.n == 0 and math.isnan(none.mean)
    single = uncertainty.bootstrap(np.array([[0.3], [0.5]]))
    assert single.mean == 0.4 and single.n == 1 and math.isnan(single.high)


def test_the_bootstrap_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        found = uncertainty.bootstrap(generator.normal(size=40), draws=400)
        covered += found.low < 0 < found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_it_is_deterministic_in_its_seed():
    first = uncertainty.bootstrap(RANDOM)
    assert uncertainty.bootstrap(RANDOM) == first
    assert uncertainty.bootstrap(RANDOM, seed=1) != first


def test_seeds_are_averaged_before_entities_are_drawn():
    rows = np.stack([RANDOM, RANDOM + 0.2, np.full(20, np.nan)])
    found, mean = uncertainty.bootstrap(rows), uncertainty.bootstrap(RANDOM + 0.1)
    assert found == pytest.approx(mean)


def test_pairing_removes_what_the_entities_have_in_common():
    hard = np.linspace(0, 0.8, 20)
    difference = uncertainty.paired_bootstrap(RANDOM + hard + 0.05, RANDOM + hard)
    assert difference.mean == pytest.approx(0.05)
    assert difference.high - difference.low < 1e-9
    with pytest.raises(ValueError, match="same entities, got 20 and 19"):
        uncertainty.paired_bootstrap(RANDOM, RANDOM[1:])


def test_verdicts_against_each_baseline():
    noise = np.random.default_rng(2).normal(0, 0.05, 20)
    ours = {"vus_pr": RANDOM + 0.3, "delay": np.full(20, 5.0), "f1": RANDOM}
    baselines = {
        "random": {"vus_pr": RANDOM, "delay": np.full(20, 9.0), "f1": RANDOM + noise},
        "pca": {"vus_pr": RANDOM + 0.4 + noise, "delay": np.full(20, 2.0)},
    }
    claims = uncertainty.verdict(ours, baselines)
    texts = {
        metric: {name: one.text for name, one in row.items()}
        for metric, row in claims.items()
    }
    assert texts == {
        "vus_pr": {"random": "better than random", "pca": "worse than pca"},
        "delay": {"random": "better than random", "pca": "worse than pca"},
        "f1": {"random": "not distinguishable"},
    }
    interval = claims["vus_pr"]["random"].difference
    assert interval.low == pytest.approx(0.3) and interval.n == 20


def test_few_entities_claim_nothing():
    five = uncertainty.FEWEST_PAIRS - 1
    ours, theirs = np.full(20, 0.9), np.full(20, 0.1)
    ours[five:] = np.nan
    claims = uncertainty.verdict({"f1": ours}, {"random": {"f1": theirs}})
    assert claims["f1"]["random"].text == "not distinguishable"
    assert claims["f1"]["random"].difference.n == five
    ours[five] = 0.9
    claims = uncertainty.verdict({"f1": ours}, {"random": {"f1": theirs}})
    assert claims["f1"]["random"].text == "better than random"


def test_thresholds_are_not_compared():
    table = {"oracle_threshold": RANDOM}
    assert uncertainty.verdict(table, {"random": table}) == {}


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match=r"level=95 must be in \(0, 1\)"):
        uncertainty.bootstrap(RANDOM, level=95)
    with pytest.raises(ValueError, match=r"level=0 must be in \(0, 1\)"):
        uncertainty.over_seeds(RANDOM, level=0)
    with pytest.raises(ValueError, match="draws=0 must be at least 1"):
        uncertainty.bootstrap(RANDOM, draws=0)
