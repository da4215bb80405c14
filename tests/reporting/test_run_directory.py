"""What is written to a run directory is read as it was."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad import files
from jaxtsad.interactive import Pictures
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.run_directory import Scored


def scored(entity, detector, seed, steps=5):
    label = None if detector == "random" else np.arange(steps) % 2
    shares = np.full((steps, 2), 0.5) if detector == "mine" else None
    score, calibration = np.arange(steps) / 4, np.arange(3) / 2
    return Scored(entity, detector, seed, score, label, calibration, "fit", shares)


def test_scores_are_read_as_they_were_written_and_in_their_order(tmp_path):
    path = tmp_path / "scores.npz"
    written = [
        scored("hall/2", "mine", 3),
        scored("hall/2", "mine", 0, steps=4),
        scored("b", "random", 0),
        scored("hall/2", "random", 0),
    ]
    values = {"hall/2": np.arange(10.0).reshape(5, 2)}
    run_directory.write_scores(path, written, values)
    for one, other in zip(written, run_directory.read_scores(path), strict=True):
        for expected, read in zip(one, other, strict=True):
            np.testing.assert_array_equal(read, expected)
    (name, channels), *others = run_directory.read_values(path).items()
    assert name == "hall/2" and not others
    np.testing.assert_array_equal(channels, values["hall/2"])


@pytest.mark.parametrize("name", ["calibration", "role"])
def test_an_array_that_is_missing_is_named(tmp_path, name):
    path = tmp_path / "scores.npz"
    run_directory.write_scores(path, [scored("a", "mine", 0)])
    with np.load(path) as file:
        kept = {key: file[key] for key in file if not key.endswith(name)}
    files.write_arrays(path, kept)
    with pytest.raises(ValueError, match=f"a/mine/0/{name} is missing"):
        run_directory.read_scores(path)


def test_pictures_are_read_as_they_were_written(tmp_path):
    assert run_directory.read_pictures(tmp_path) == {}
    run_directory.write_pictures(tmp_path, {})
    assert not list(tmp_path.iterdir())
    given = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4, 1)
    seen = {
        "a/given": Pictures(np.array([5, 2]), given, given[::-1]),
        "a": Pictures(np.array([0, 1]), given, None),
    }
    run_directory.write_pictures(tmp_path, seen)
    read = run_directory.read_pictures(tmp_path)
    assert [*read] == [*seen] and read["a"].made is None
    for name, one in seen.items():
        np.testing.assert_array_equal(read[name].places, one.places)
        np.testing.assert_array_equal(read[name].given, given)
    np.testing.assert_array_equal(read["a/given"].made, given[::-1])
    for broken in (
        {"a/places": np.arange(2)},
        {"a/places": np.arange(2), "a/given": given[0]},
        {"a/places": np.arange(2), "a/given": given, "a/made": given[:1]},
        {"a/places": np.arange(3), "a/given": given},
    ):
        files.write_arrays(tmp_path / "pictures.npz", broken)
        with pytest.raises(ValueError, match=r"pictures.npz: a/.* must be"):
            run_directory.read_pictures(tmp_path)


def test_events_keep_names_that_look_like_missing_values(tmp_path):
    event = {"entity": "NA", "detector": "null", "seed": 0, "start": 1, "stop": 3}
    event |= {"severity": 0.5, "channels": ""}
    columns = run_directory.EVENT_COLUMNS
    run_directory.write_events(tmp_path, [event], columns)
    assert run_directory.read_events(tmp_path).to_dict("records") == [event]
    run_directory.write_events(tmp_path, [], columns)
    assert not len(run_directory.read_events(tmp_path))


def test_what_was_not_looked_into_has_no_arrays(tmp_path):
    assert run_directory.read_inspection(tmp_path) == {}
    run_directory.write_inspection(tmp_path, {"step": np.array(7)})
    assert int(run_directory.read_inspection(tmp_path)["step"]) == 7
