"""Point adjustment on random scores: what is glued, measured, shown and written."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from benchmarks.studies import point_adjustment, study
from benchmarks.studies.published import PUBLISHED
from jaxtsad.evaluation.metrics import chance

EVENT = (300, 500)


def spacecraft(root: pathlib.Path) -> None:
    """A label table whose order of rows is not the order of gluing."""
    rows = ["chan_id,spacecraft,anomaly_sequences,class,num_values"]
    for name, craft, steps in (
        ("P-2", "SMAP", 900),
        ("E-1", "SMAP", 1000),
        ("A-1", "SMAP", 600),
        ("M-1", "MSL", 700),
    ):
        rows.append(f'{name},{craft},"[[300, 499]]","[point]",{steps}')
    (root / "smap_msl").mkdir(parents=True)
    (root / "smap_msl" / "labeled_anomalies.csv").write_text("\n".join(rows) + "\n")


def servers(root: pathlib.Path) -> None:
    folder = root / "smd" / "ServerMachineDataset" / "test_label"
    folder.mkdir(parents=True)
    for name, steps in (("machine-1-1", 800), ("machine-2-1", 900)):
        marked = np.zeros(steps, int)
        marked[slice(*EVENT)] = 1
        (folder / f"{name}.txt").write_text("\n".join(map(str, marked)) + "\n")


def pooled(root: pathlib.Path) -> None:
    (root / "psm").mkdir(parents=True)
    lines = ["timestamp_(min),label"]
    lines += [f"{t},{int(EVENT[0] <= t < EVENT[1])}" for t in range(1000)]
    (root / "psm" / "test_label.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("labels")
    for write in (spacecraft, servers, pooled):
        write(folder)
    return folder


def test_entities_are_glued_as_papers_do(root: pathlib.Path) -> None:
    labels, notes = point_adjustment.glued(root)
    lengths = {name: [len(one) for one in own] for name, own in labels.items()}
    assert lengths == {
        "SMAP": [600, 1000],
        "MSL": [700],
        "SMD": [800, 900],
        "PSM": [1000],
    }
    assert [note.split(":")[0] for note in notes] == ["SMAP", "MSL", "SMD"]
    assert "labels of 2 entities; the published numbers are about 53" in notes[0]


def test_what_is_not_there_is_left_out_and_said(tmp_path: pathlib.Path) -> None:
    pooled(tmp_path)
    labels, notes = point_adjustment.glued(tmp_path)
    assert list(labels) == ["PSM"]
    assert [note.split(":")[0] for note in notes] == ["SMAP", "MSL", "SMD"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no labels of SMAP, MSL, SMD, PSM below"):
        point_adjustment.glued(tmp_path / "empty")


def test_random_scores_do_as_expected(root: pathlib.Path) -> None:
    labels, _ = point_adjustment.glued(root)
    found = point_adjustment.measure("SMD", labels["SMD"], seeds=40)
    known = np.concatenate(labels["SMD"])
    assert (found.entities, found.steps, found.events) == (2, 1700, 2)
    assert found.labelled == pytest.approx(400 / 1700)
    assert found.random["pa_f1"].expected == chance.expected_pa(known, 0.005).f1
    assert set(found.random) == set(point_adjustment.METRICS)
    for key in ("f1", "pa_k20_f1", "pa_k_auc"):
        one = found.random[key]
        assert abs(one.mean - one.expected) < 4 * one.sd / np.sqrt(40), key
    for key in ("pa_f1", "oracle_pa_f1"):
        one = found.random[key]
        # A ratio of expectations is not the expectation of a ratio.
        assert one.mean == pytest.approx(one.expected, abs=0.1), key
    rate = found.labelled
    for key, value in found.all_positive.items():
        assert value == pytest.approx(2 * rate / (1 + rate)), key


def test_nothing_labelled_is_refused() -> None:
    with pytest.raises(ValueError, match="PSM: nothing is labelled in 30 steps"):
        point_adjustment.measure("PSM", [np.zeros(30, int)])


def test_it_prints_and_writes_everything(
    root: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "deep" / "out"
    arguments = ["--data-root", str(root), "--out", str(out)]
    assert study.main(point_adjustment.STUDY, arguments) == 0
    printed = capsys.readouterr().out
    made = json.loads((out / "point_adjustment.json").read_text())
    assert [one["name"] for one in made["sets"]] == list(PUBLISHED)
    noise = made["sets"][0]["random"]["pa_f1"]
    for text in (printed, (out / "point_adjustment.md").read_text()):
        assert "SMAP: random scores get a PA-F1 of" in " ".join(text.split())
        assert f"{noise['mean']:.3f}" in text and f"{noise['expected']:.3f}" in text
    table = (out / "point_adjustment.md").read_text()
    claims = sum(len(one.claims) for one in PUBLISHED.values())
    assert table.count("\n| ") == claims + 5 * len(PUBLISHED)
    assert made["sets"][0]["claims"][0]["f1"] is None


def test_bad_input_is_one_line(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert (
        study.main(point_adjustment.STUDY, ["--data-root", str(tmp_path / "none")]) == 2
    )
    assert study.main(point_adjustment.STUDY, ["--data-root", str(tmp_path)]) == 2
    pooled(tmp_path)
    (tmp_path / "psm" / "test_label.csv").write_text("timestamp_(min),label\n0,maybe\n")
    assert study.main(point_adjustment.STUDY, ["--data-root", str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and all(line.startswith("error: ") for line in errors)


@pytest.mark.parametrize(
    ("name", "steps", "events", "adjusted", "raw", "best", "best_expected"),
    [
        ("SMAP", 427_617, 67, 0.9557, 0.0185, 0.964, 0.959),
        ("MSL", 73_729, 36, 0.8935, 0.0173, 0.910, 0.906),
        ("SMD", 708_420, 327, 0.8087, 0.0091, 0.840, 0.821),
        ("PSM", 87_841, 72, 0.9764, 0.0191, 0.980, 0.975),
    ],
)
def test_noise_on_the_public_labels(
    data_root: pathlib.Path,
    name: str,
    steps: int,
    events: int,
    adjusted: float,
    raw: float,
    best: float,
    best_expected: float,
) -> None:
    try:
        labels, _ = point_adjustment.glued(data_root)
    except ValueError:
        labels = {}
    if len(labels.get(name, ())) != PUBLISHED[name].entities:
        pytest.skip(f"needs all labels of {name} below JAXTSAD_DATA")
    found = point_adjustment.measure(name, labels[name])
    assert (found.steps, found.events) == (steps, events)
    random = found.random
    assert random["pa_f1"].mean == pytest.approx(adjusted, abs=0.001)
    assert random["f1"].mean == pytest.approx(raw, abs=0.001)
    assert random["oracle_pa_f1"].mean == pytest.approx(best, abs=0.001)
    assert random["oracle_pa_f1"].expected == pytest.approx(best_expected, abs=0.001)
    rate = found.labelled
    assert found.all_positive["oracle_pa_f1"] == pytest.approx(2 * rate / (1 + rate))
