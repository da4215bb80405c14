"""TSB-AD: rebuilt series, who sees what, tables and the benchmark's files."""

from __future__ import annotations

import csv
import io
import json
import pathlib
import zipfile
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from benchmarks.studies import study
from benchmarks.studies.tsb_ad import __main__ as program
from benchmarks.studies.tsb_ad import protocol, recipes, rows, submission, tables
from jaxtsad.evaluation.metrics import vus
from tests.benchmarks.studies.planted import planted

HEADS = (
    "tsb_ad_file,dataset,original_series,labels_used,leading_points_dropped,"
    "train_points,first_anomaly,ts_len,anomaly_points"
)
LISTED = [
    "1.csv,MSL,M-1,all,0,20,30,60,10",
    "2.csv,SMAP,P-2,lastrow,0,20,40,60,5",
    "3.csv,SMD,machine-1-1,all,10,20,20,50,5",
    "4.csv,SMD,machine-1-2,all,0,20,30,60,5",
    "5.csv,SMAP,E-1,lastseg,0,20,50,60,5",
]
LABELED = [
    'M-1,MSL,"[[30, 39]]",[point],60',
    'P-2,SMAP,"[[35, 39]]",[point],60',
    'P-2,SMAP,"[[40, 44]]",[point],60',
    'E-1,SMAP,"[[30, 34], [50, 54]]","[point, point]",60',
]


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """A list of five series, one of whose machines is not there."""
    generator = np.random.default_rng(0)
    (tmp_path / "tsb_ad").mkdir()
    write_list(tmp_path, LISTED)
    nasa = tmp_path / "smap_msl"
    nasa.mkdir()
    heads = "chan_id,spacecraft,anomaly_sequences,class,num_values"
    (nasa / "labeled_anomalies.csv").write_text("\n".join([heads, *LABELED]) + "\n")
    with zipfile.ZipFile(nasa / "data.zip", "w") as archive:
        for name in ("M-1", "P-2", "E-1"):
            for role in ("train", "test"):
                stream = io.BytesIO()
                np.save(stream, generator.normal(size=(60, 2)))
                archive.writestr(f"data/{role}/{name}.npy", stream.getvalue())
    machine = tmp_path / "smd" / "ServerMachineDataset"
    labels = np.zeros(60, int)
    labels[30:35] = 1
    for role in ("train", "test", "test_label"):
        (machine / role).mkdir(parents=True)
        values = labels if role == "test_label" else generator.normal(size=(60, 3))
        np.savetxt(machine / role / "machine-1-1.txt", values, delimiter=",", fmt="%g")
    np.savetxt(machine / "test_label" / "machine-1-2.txt", labels, fmt="%g")
    return tmp_path


def write_list(root: pathlib.Path, lines: list[str]) -> None:
    (root / "tsb_ad" / "series.csv").write_text("\n".join([HEADS, *lines]) + "\n")


def test_series_are_rebuilt_by_the_list(root: pathlib.Path) -> None:
    cases = protocol.series("all", root=root)
    assert [case.name for case in cases] == ["1.csv", "2.csv", "3.csv", "5.csv"]
    assert [case.place for case in cases] == [0, 0, 0, 1]
    assert [case.train_points for case in cases] == [20] * 4
    starts = [int(np.argmax(case.labels)) for case in cases]
    assert starts == [30, 40, 20, 50]
    assert [int(case.labels.sum()) for case in cases] == [10, 5, 5, 5]
    assert [len(case.values) for case in cases] == [60, 60, 50, 60]


def test_halves_are_by_place_among_the_series_at_hand(root: pathlib.Path) -> None:
    assert [case.name for case in protocol.series("odd", root=root)] == ["5.csv"]
    even = [case.name for case in protocol.series("even", root=root)]
    assert even == ["1.csv", "2.csv", "3.csv"]
    assert protocol.left_out(root) == ["4.csv (machine-1-2)"]
    with pytest.raises(ValueError, match="half='first' must be one of odd, even, all"):
        protocol.series("first", root=root)


@pytest.mark.parametrize(
    "line",
    [
        "1.csv,MSL,M-1,all,0,20,30,61,10",
        "1.csv,MSL,M-1,all,0,20,31,60,10",
        "1.csv,MSL,M-1,all,0,20,30,60,9",
        "1.csv,MSL,M-1,all,1,20,30,60,10",
    ],
)
def test_a_series_that_disagrees_with_the_list_is_refused(
    root: pathlib.Path, line: str
) -> None:
    write_list(root, [line])
    with pytest.raises(ValueError, match=r"1\.csv: rows, first anomaly and anomalous"):
        protocol.series("all", root=root)


def test_means_are_over_series_and_by_data_set(root: pathlib.Path) -> None:
    cases = protocol.series("all", root=root)
    scores = {case.name: case.labels + 0.0 for case in cases}
    scores["5.csv"] = np.arange(60.0)
    found = protocol.evaluate(scores, "all", root=root)
    last = vus.vus(cases[3].labels, scores["5.csv"], length=cases[3].period).pr
    assert found["SMAP"] < found["MSL"]
    each = [protocol.vus_pr(c.labels, scores[c.name], c.period) for c in cases]
    assert found["all"] == pytest.approx(np.mean(each)) and each[3] == last
    with pytest.raises(ValueError, match="each of its 60 rows"):
        protocol.evaluate({**scores, "1.csv": np.zeros(40)}, "all", root=root)


class Seen:
    """A detector that remembers what it was given."""

    given: ClassVar[list[tuple[np.ndarray, tuple[Any, ...]]]] = []

    def __init__(self, name: str, **parameters: Any) -> None:
        assert (name, parameters) == ("pca", recipes.CLOSED)

    def fit(self, train: np.ndarray, *more: Any) -> Self:
        Seen.given.append((train, more))
        return self

    def decision_function(self, values: np.ndarray, *more: Any) -> np.ndarray:
        Seen.given.append((values, more))
        return np.arange(float(len(values)))


def test_a_detector_sees_the_prefix_then_all_rows_and_no_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipes, "TimeSeriesDetector", Seen)
    Seen.given = []
    case = planted()
    scored = recipes.score(recipes.recipe("pca"), case)
    (train, no_labels), (values, nothing) = Seen.given
    np.testing.assert_array_equal(train, case.values[:120])
    np.testing.assert_array_equal(values, case.values)
    assert no_labels == nothing == ()
    assert scored.scores.shape == (300,)


def test_rows_after_the_prefix_do_not_change_what_is_fitted() -> None:
    case = planted()
    other = case._replace(values=case.values.copy())
    other.values[150:] = 0.0
    for name in ("zscore", "pca", "knn"):
        one = recipes.recipe(name)
        first, second = (recipes.score(one, c).scores[:110] for c in (case, other))
        np.testing.assert_array_equal(first, second)


def test_two_valued_columns_are_left_out_and_scores_smoothed() -> None:
    case = planted()
    values = np.c_[case.values, case.values[:, :1] > 0]
    wide = case._replace(values=values)
    kept = recipes.score(recipes.recipe("knn_without_two_valued"), wide).scores
    np.testing.assert_array_equal(
        kept, recipes.score(recipes.recipe("knn"), case).scores
    )
    smooth, raw = recipes.recipe("zscore_smoothed"), recipes.recipe("zscore")
    assert smooth.raw == raw
    scores = recipes.score(raw, case).scores
    smoothed = recipes.smoothed(smooth, scores)
    assert smoothed.max() < scores.max() and smoothed.shape == scores.shape
    assert recipes.smoothed(raw, scores) is scores
    assert recipes.several_valued(np.array([[0.0], [1.0]])).all()
    with pytest.raises(ValueError, match="'nothing' is unknown"):
        recipes.recipe("nothing")


def test_tables_pair_rows_over_the_same_series() -> None:
    cases = [planted(str(i), i) for i in range(6)]
    ours = rows.Row("ours", "", np.linspace(0.5, 0.6, 6), np.ones(6), np.ones(6))
    theirs = ours._replace(name="theirs", vus_pr=ours.vus_pr - 0.25)
    lines = tables.means(cases, [ours, theirs]).lines
    assert [line[1] for line in lines] == ["0.550", "0.300"]
    [line] = tables.differences(cases, [ours, theirs], "ours").lines
    assert line[1] == "+0.250 (+0.250 to +0.250)"
    assert tables.means(cases, [ours]).heads == ("mean VUS-PR", "all", "odd", "even")


def test_the_study_keeps_scores_and_writes_the_benchmarks_files(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--quick", "--out", str(tmp_path), "--detectors", "random", "zscore"]
    assert study.main(program.STUDY, [*words, "--submission"]) == 0
    said = capsys.readouterr().out
    assert "zscore: P-1" in said
    made = json.loads((tmp_path / "tsb_ad.json").read_text())
    assert {row["detector"] for row in made["rows"]} == {"random", "zscore"}
    assert "zscore less the others" in (tmp_path / "tsb_ad.md").read_text()
    with (tmp_path / "submission" / "metrics" / "zscore.csv").open() as file:
        first = next(csv.DictReader(file))
    known = next(r for r in made["rows"] if r["detector"] == "zscore")
    assert first["file"] == known["series"]
    assert float(first["VUS-PR"]) == pytest.approx(known["vus_pr"], abs=1e-6)
    scores = (tmp_path / "submission" / "scores" / "zscore" / "P-1.csv").read_text()
    case = protocol.series("all", ["demo"], tmp_path)[0]
    assert len(scores.splitlines()) == 1 + len(case.values)
    assert study.main(program.STUDY, words) == 0
    assert "zscore: P-1" not in capsys.readouterr().out
    assert study.main(program.STUDY, [*words, "--main", "pca"]) == 2


def test_rows_of_an_earlier_run_can_be_compared_with(tmp_path: pathlib.Path) -> None:
    words = ["--quick", "--out", str(tmp_path), "--detectors"]
    assert study.main(program.STUDY, [*words, "zscore", "random"]) == 0
    table = tmp_path / "earlier.csv"
    (tmp_path / "tsb_ad.csv").rename(table)
    more = ["random", "--beside", str(table)]
    assert study.main(program.STUDY, [*words, *more]) == 0
    made = json.loads((tmp_path / "tsb_ad.json").read_text())["rows"]
    assert [r["detector"] for r in made] == ["zscore"] * 2 + ["random"] * 2
    cases = protocol.series("all", ["demo"], tmp_path)
    [zscore, _] = rows.earlier(table, cases)
    assert zscore.vus_pr.tolist() == [row["vus_pr"] for row in made[:2]]
    assert rows.earlier(table, [planted("another")]) == []
    table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="is not the CSV of an earlier run"):
        rows.earlier(table, cases)


def test_metrics_have_the_benchmarks_names() -> None:
    case = planted()
    found = submission.metrics(case, case.labels + 0.0)
    assert found["AUC-PR"] == found["Standard-F1"] == 1.0


def test_the_nasa_channels_at_hand_are_those_of_the_list(
    data_root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (data_root / "tsb_ad").is_dir():
        pytest.skip("the list of TSB-AD is not at hand")
    monkeypatch.setattr(protocol.smd, "machines", lambda root: [])
    cases = protocol.series("all", root=data_root)
    nasa = [row for row in protocol.listed(data_root) if row["dataset"] != "SMD"]
    assert [case.name for case in cases] == [row["tsb_ad_file"] for row in nasa]


def test_coupled_recordings_have_an_event_after_the_training_part() -> None:
    some = protocol.series("odd", ["coupled"])
    assert len(some) <= protocol.COUPLED // 2
    for case in some:
        assert case.labels[case.train_points :].any()
        assert not case.labels[: case.train_points].any()
        assert case.values.shape == (len(case.labels), case.values.shape[1])
