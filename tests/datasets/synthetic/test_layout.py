"""Generated telemetry on disk: what is written is what the public loader reads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jaxtsad.datasets import labels as labeling
from jaxtsad.datasets import smap_msl, synthetic
from jaxtsad.ops import windows

HEADER = "chan_id,spacecraft,anomaly_sequences,class,num_values"


@pytest.fixture(scope="module", params=["smap", "msl"])
def made(request):
    return synthetic.make_telemetry(1, request.param, T_train=2000, T_test=2300)


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    return synthetic.write_telemetry(tmp_path_factory.mktemp("telemetry"), made)


def test_files_read_back_as_they_were_made(made, written):
    table = (written / "labeled_anomalies.csv").read_text().splitlines()
    assert table[0] == HEADER
    loaded = {series.name: series for series in smap_msl.load(written)}
    assert set(loaded) == {channel.name for channel in made.channels}
    for channel in made.channels:
        series = loaded[channel.name]
        np.testing.assert_array_equal(series.train, channel.train.values)
        np.testing.assert_array_equal(series.test, channel.test.values)
        np.testing.assert_array_equal(series.labels, channel.test.labels)
        assert series.kinds == channel.series().kinds
    facts = json.loads((written / "generated.json").read_text())
    assert facts[made.channels[0].name]["seed"] == 1


def test_one_channel_has_two_rows_whose_union_is_the_truth(made, written):
    rows = (written / "labeled_anomalies.csv").read_text().splitlines()[1:]
    names = [row.split(",")[0] for row in rows]
    doubled = made.channels[1]
    assert sorted(names) == sorted([*(c.name for c in made.channels), doubled.name])
    two = [row for row in rows if row.startswith(doubled.name + ",")]
    assert two[0] != two[1]
    merged = smap_msl.labels(written)[doubled.name]
    np.testing.assert_array_equal(merged, doubled.test.labels)


def test_ends_are_inclusive(tmp_path):
    made = synthetic.make_telemetry(
        0,
        "tiny",
        n_channels=1,
        archetypes=("smooth",),
        events=((("level_shift", 700, 100),),),
    )
    folder = synthetic.write_telemetry(tmp_path, made)
    row = (folder / "labeled_anomalies.csv").read_text().splitlines()[1]
    assert row == 'S-1,SMAP,"[[700, 799]]",[level_shift],800'


@pytest.mark.parametrize("seed", range(4))
def test_five_channels_of_lstm28_pass_its_filter(seed):
    made = synthetic.make_telemetry(seed, "lstm28")
    anomalous = []
    for channel in made.channels:
        starts = windows.starts_of(len(channel.test.labels), 10, 5, tail=False)
        found = labeling.window_labels(channel.test.labels, starts, 10, "any")
        anomalous.append(int(found.sum()))
    assert len(anomalous) == 12
    assert sum(count >= 100 for count in anomalous) == 5
