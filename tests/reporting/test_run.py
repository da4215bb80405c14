from __future__ import annotations

import json

import numpy as np
import pytest

from jaxtsad.reporting import run as runs
from jaxtsad.reporting import view
from tests.reporting import example


@pytest.fixture
def folder(tmp_path):
    example.write(tmp_path, steps=400, seeds=(0,), entities=("machine-2",), epochs=2)
    return tmp_path


def changed(folder, **arrays):
    with np.load(folder / "scores.npz") as kept:
        everything = {key: kept[key] for key in kept}
    for key, array in arrays.items():
        key = f"machine-2/{example.DETECTOR}/0/{key}" if key != "values" else key
        key = "machine-2/values" if key == "values" else key
        everything[key] = array
        if array is None:
            del everything[key]
    np.savez(folder / "scores.npz", **everything)


def test_what_was_written_is_read(folder):
    run = runs.read(folder)
    assert run.detector == example.DETECTOR
    assert run.entities == ["machine-2"]
    assert run.detectors("machine-2") == [example.DETECTOR, "random", "zscore"]
    assert [s.seed for s in run.scored("machine-2", "random")] == [0]
    (scored,) = run.scored("machine-2", example.DETECTOR)
    assert scored.role == "validation"
    assert scored.label is not None and scored.label.sum() == 60
    assert scored.score.shape == (400,)
    assert run.values("machine-2", 400).shape == (400, 3)
    row = next(r for r in run.report["rows"] if r["detector"] == example.DETECTOR)
    threshold = run.threshold("machine-2", example.DETECTOR, 0)
    assert threshold == row["threshold"]["value"]
    assert len(run.history) == 2


def test_found_events_have_the_flags_of_the_threshold(folder):
    run = runs.read(folder)
    seen = view.look(run, "machine-2")
    flags = seen.scored.score > seen.threshold
    np.testing.assert_array_equal(seen.flags, flags)


def test_names_are_kept_as_written(tmp_path, folder):
    text = (folder / "events.csv").read_text().replace("machine-2", "NA")
    (folder / "events.csv").write_text(text)
    run = runs.read(folder)
    assert set(run.flagged["entity"]) == {"NA"}


@pytest.mark.parametrize("name", ["report.json", "scores.npz", "events.csv"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=rf"has no {name}") as caught:
        runs.read(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("report.json", "{", "is not JSON"),
        ("report.json", "[]", "list of rows"),
        ("report.json", '{"rows": [{"detector": "x"}]}', "row 0 has no entity"),
        ("scores.npz", "not an archive", "not an archive of arrays"),
        ("scores.npz", "", "not an archive of arrays"),
        ("events.csv", "a,b\n1,2\n", "lacks the columns entity"),
        ("metrics.jsonl", '{"epoch": 0}\n{"epo', "line 2 is not JSON"),
        ("metrics.jsonl", '{"loss": 0}\n', "line 1 must be an object with an epoch"),
    ],
)
def test_a_corrupt_file_is_one_clear_line(folder, name, text, words):
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        runs.read(folder)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="no such directory"):
        runs.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"label": np.zeros(3, np.int8)}, "label.shape"),
        ({"score": np.full(400, np.nan)}, "must be finite"),
        ({"values": np.zeros((7, 2))}, "has 7 steps"),
        ({"score": np.zeros(50), "label": np.zeros(50)}, "its series has 50"),
    ],
)
def test_arrays_that_do_not_fit_are_named(folder, arrays, words):
    changed(folder, **arrays)
    with pytest.raises(ValueError, match=words):
        view.look(runs.read(folder), "machine-2")


def test_steps_that_were_not_scored_are_not_shown(folder):
    changed(folder, score=np.zeros(230), label=np.r_[np.zeros(200), np.ones(30)])
    text = (folder / "events.csv").read_text().splitlines()
    (folder / "events.csv").write_text(text[0] + "\n")
    run = runs.read(folder)
    seen = view.look(run, "machine-2")
    assert seen.values.shape == (230, 3)
    assert [(e.start, e.stop, e.kind) for e in seen.truth] == [
        (200, 230, "level shift")
    ]


def test_an_array_of_another_name_is_refused(folder):
    np.savez(folder / "scores.npz", **{"pca/x/score": np.zeros(3)})
    with pytest.raises(ValueError, match="entity/detector/seed/score"):
        runs.read(folder)


def test_entities_may_have_slashes_in_their_names(folder):
    text = json.loads((folder / "report.json").read_text())
    for row in text["rows"]:
        row["entity"] = row["entity"].replace("machine-2", "hall/2")
    text["entities"][0]["name"] = "hall/2"
    (folder / "report.json").write_text(json.dumps(text))
    with np.load(folder / "scores.npz") as kept:
        renamed = {key.replace("machine-2", "hall/2"): kept[key] for key in kept}
    np.savez(folder / "scores.npz", **renamed)
    run = runs.read(folder)
    assert run.entities == ["hall/2"]
    assert run.scored("hall/2", "random")[0].score.shape == (400,)
