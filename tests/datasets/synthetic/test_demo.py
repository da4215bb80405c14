"""The bundled recording: what it holds, and that anybody can write it again."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import demo, synthetic

BUNDLED = pathlib.Path(__file__).parents[3] / "data" / "demo"
ARRAYS = ("train/P-1.npy", "train/S-1.npy", "test/P-1.npy", "test/S-1.npy")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return synthetic.write_demo(tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize("name", [*ARRAYS, "labeled_anomalies.csv"])
def test_writing_it_again_gives_the_same_bytes(written, name):
    assert (written / name).read_bytes() == (BUNDLED / name).read_bytes()


def test_it_holds_nothing_else(written):
    def files(root):
        return sorted(
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if path.is_file()
        )

    assert files(BUNDLED) == files(written)
    mine, its = (
        json.loads((root / "generated.json").read_text()) for root in (BUNDLED, written)
    )
    assert mine.keys() == its.keys() == {"S-1", "P-1"}
    assert mine["S-1"]["faults"] == its["S-1"]["faults"]


def test_it_has_events_of_many_kinds():
    series = demo.load()
    kinds = [kind for one in series for _, _, kind in one.kinds]
    assert len(kinds) == 7
    assert len(set(kinds)) == 6
    for one in series:
        assert one.train.shape == one.test.shape == (2400, 25)
        assert one.train.dtype == np.float64
        assert 0.05 < one.labels.mean() < 0.2
