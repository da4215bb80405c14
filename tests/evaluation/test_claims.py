"""What may be claimed of few entities: nothing, however large the difference."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation import uncertainty


def claim(pairs: int) -> str:
    ours, theirs = np.full(12, np.nan), np.full(12, 0.1)
    ours[:pairs] = 0.9
    claims = uncertainty.verdict({"vus_pr": ours}, {"random": {"vus_pr": theirs}})
    return claims["vus_pr"]["random"].text


@pytest.mark.parametrize("pairs", range(6))
def test_fewer_than_six_pairs_claim_nothing(pairs: int) -> None:
    assert claim(pairs) == "not distinguishable"


def test_six_pairs_of_one_sign_are_the_fewest_a_sign_test_believes() -> None:
    assert 2 * 0.5**6 < 0.05 <= 2 * 0.5**5
    assert claim(6) == "better than random"
