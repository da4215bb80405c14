"""Accuracy and NMI by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import clustering


def test_by_hand() -> None:
    labels, clusters = np.repeat([0, 1, 2], 3), np.array([1, 1, 0, 0, 0, 0, 2, 2, 2])
    found = clustering.agreement(labels, clusters)
    np.testing.assert_allclose(found.accuracy, 8 / 9)
    np.testing.assert_allclose(found.nmi, 0.786013, atol=1e-6)
    np.testing.assert_allclose(found.nmi_geometric, 0.786133, atol=1e-6)


def test_names_of_clusters_do_not_matter() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 200)
    found = clustering.agreement(labels, (labels + 2) % 5)
    np.testing.assert_allclose(found, 1.0)


def test_more_clusters_than_classes_and_chance() -> None:
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 3, 3000), rng.integers(0, 7, 3000)
    found = clustering.agreement(labels, clusters)
    assert found.nmi < 0.01 and found.accuracy < 0.25
    assert clustering.contingency(labels, clusters).shape == (7, 7)


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [([0, 1], [0], "as many labels"), ([-1, 0], [0, 0], "numbered from 0")],
)
def test_bad_input(labels: list, clusters: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clustering.accuracy(np.array(labels), np.array(clusters))
