"""Experiments on images at toy size: splits, protocols, leaks, and what is written."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from benchmarks.studies import report as reports
from benchmarks.studies import study
from benchmarks.studies.ganomaly import cifar10 as ganomaly_cifar10
from benchmarks.studies.ganomaly import images as ganomaly_images
from benchmarks.studies.ganomaly import mnist as ganomaly_mnist
from benchmarks.studies.ganomaly.images import Size
from benchmarks.studies.latent_search_rgbd import __main__ as latent_search_rgbd
from benchmarks.studies.latent_search_rgbd import baselines as rgbd_baselines
from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import errors as rgbd_errors
from benchmarks.studies.latent_search_rgbd import presets as rgbd_presets
from benchmarks.studies.latent_search_rgbd.data import Shapes
from benchmarks.studies.report import Row
from benchmarks.studies.snapshots import Snapshots
from benchmarks.studies.study import Session
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.members import Fitted

TOY = Size(width=4, train=0, test=20, epochs=1)


def session(folder: pathlib.Path) -> Session:
    quiet = Console(quiet=True)
    return Session("toy", argparse.Namespace(), folder, quiet)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Three classes of 8 x 8 pictures: bright rows, columns, and noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    values = rng.integers(0, 90, (120, 8, 8, 1))
    for picture, label in zip(values, labels, strict=True):
        place = rng.integers(8)
        if label < 2:
            picture[(place,) if label else (slice(None), place)] += 150
    return values.astype(np.uint8), labels


def test_sizes_of_the_published_split() -> None:
    """MNIST has 6 903 zeros among its 70 000 digits."""
    labels = np.repeat([0, 1], [6_903, 63_097])
    values = np.arange(70_000)[:, None]
    found = ganomaly_images.cut(values, labels, 0, seed=0)
    assert len(found.train) == 50_477 and len(found.test) == 12_620 + 6_903
    assert found.labels.sum() == 6_903
    assert (labels[found.train[:, 0]] == 1).all()
    assert set(found.train[:, 0]).isdisjoint(found.test[:, 0])
    np.testing.assert_array_equal(found.labels, labels[found.test[:, 0]] == 0)
    again = ganomaly_images.cut(values, labels, 0, seed=0)
    np.testing.assert_array_equal(found.test, again.test)
    other = ganomaly_images.cut(values, labels, 0, seed=1)
    assert (found.train != other.train).any()


def test_coarse_pictures_have_their_size_and_less_detail(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values, _ = pictures()
    found = ganomaly_images.coarse(values, 2)
    assert found.shape == values.shape and found.dtype == values.dtype
    fine, left = (
        np.abs(np.diff(x.astype(int), axis=2)).mean() for x in (values, found)
    )
    assert left < fine / 4
    np.testing.assert_allclose(found.mean(), values.mean(), rtol=0.1)
    given = ["--quick", "--coarse", "33", "--out", str(tmp_path)]
    assert study.main(ganomaly_mnist.STUDY, given) == 2
    assert "--coarse 33 must be between 1 and 32" in capsys.readouterr().err


def test_one_class_left_out_end_to_end(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, labels = pictures()
    cuts = [
        ganomaly_images.cut(values, labels, 2, seed, name="noise", test=20)
        for seed in (0, 1)
    ]
    setup = ganomaly_images.setup(TOY, latent=3, batch_size=16)
    rows = ganomaly_images.compare(session(tmp_path), cuts, setup)
    by_name = reports.over_seeds(rows)["noise"]
    assert set(by_name) == {"ganomaly", "untrained", "pca", "knn", "random"}
    assert all(count == 2 for _, _, count in by_name.values())
    sets = [(f"noise/{one.seed}", one.train) for one in cuts]
    fleet = fitting.fit(setup, sets, seeds=(0, 1), paired=True)
    for index, one in enumerate(cuts):
        alone = members.subset(fleet, [index])
        part = members.test_part(alone, 0, "noise", one.test)
        [score] = scoring.aggregated(alone, [part])
        found = [
            r.value for r in rows if (r.detector, r.seed) == ("ganomaly", one.seed)
        ]
        np.testing.assert_allclose(found, [roc_auc_score(one.labels, score)])
    made = ganomaly_images.report("Toy", rows, ["a note"])
    reports.write(made, tmp_path, "toy", {})
    assert "| noise |" in (tmp_path / "toy.md").read_text()
    assert "a note" in (tmp_path / "toy.md").read_text()
    assert len((tmp_path / "toy.csv").read_text().splitlines()) == 1 + len(rows)
    tree = json.loads((tmp_path / "toy.json").read_text())
    assert len(tree["rows"]) == len(rows)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was fitted again")

    monkeypatch.setattr(fitting, "fit", refuse)
    assert ganomaly_images.compare(session(tmp_path), cuts, setup) == rows
    with pytest.raises(AssertionError, match="fitted again"):
        ganomaly_images.compare(session(tmp_path), cuts[:1], setup)


def test_the_best_epoch_is_one_of_those_along_the_training(
    tmp_path: pathlib.Path,
) -> None:
    values, labels = pictures()
    cuts = [
        ganomaly_images.cut(values, labels, 2, seed, name="noise", test=20)
        for seed in (0, 1)
    ]
    options = {"latent": 3, "batch_size": 16}
    setup = ganomaly_images.setup(TOY._replace(epochs=3), **options)
    rows = ganomaly_images.fleet(session(tmp_path), "g", setup, cuts, followed=True)
    for seed in (0, 1):
        own = {row.detector: row.value for row in rows if row.seed == seed}
        along = [own[f"epoch {n}"] for n in (1, 2, 3)]
        assert own["g"] == along[-1] and own[ganomaly_images.BEST] == max(along)
    shorter = ganomaly_images.setup(TOY, **options)
    for row in ganomaly_images.fleet(session(tmp_path / "one"), "g", shorter, cuts):
        first = Row(row.group, "epoch 1", row.seed, row.value)
        assert first in rows
    shown = ganomaly_images.report("Toy", rows).sections[0].tables
    assert [table.heads[1] for table in shown] == ["g", "epoch 1"]


def test_epochs_that_were_scored_are_not_scored_again(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped among the epochs of a training, a study goes on with the next of them."""
    cuts = [ganomaly_images.cut(*pictures(), 2, 0, name="noise", test=20)]
    size = TOY._replace(epochs=3)
    setup = ganomaly_images.setup(size, latent=3, batch_size=16)
    read, stopped, after = [], [3], Snapshots.after

    def seen(kept: Snapshots, fitted: Fitted, epochs: int) -> Fitted:
        if epochs in stopped:
            raise KeyboardInterrupt
        read.append(epochs)
        return after(kept, fitted, epochs)

    monkeypatch.setattr(Snapshots, "after", seen)
    run = functools.partial(
        ganomaly_images.fleet, session(tmp_path), "g", setup, cuts, followed=True
    )
    with pytest.raises(KeyboardInterrupt):
        run()
    stopped.clear()
    rows = run()
    assert read == [1, 2, 3]
    own = {row.detector: row.value for row in rows}
    assert own["g"] == own["epoch 3"]


def test_scores_of_a_batch_need_the_paper_protocol() -> None:
    with pytest.raises(ValueError, match="offered only under protocol"):
        ganomaly_images.setup(TOY, bn_eval="batch")
    paper = ganomaly_images.setup(TOY, "paper")
    assert paper.options["bn_eval"] == "batch"
    with pytest.raises(ValueError, match="strict, paper"):
        ganomaly_images.setup(TOY, "loose")


def test_means_over_seeds() -> None:
    rows = [Row("a", "x", 0, 0.5), Row("a", "x", 1, 0.7), Row("b", "x", 0, 1.0)]
    table = reports.by_group(rows)
    assert table.heads == ["", "x"]
    assert table.lines == [["a", "0.600 ± 0.141"], ["b", "1.000"], ["mean", "0.800"]]


@pytest.mark.slow
def test_generators_of_drawn_shapes() -> None:
    shapes = rgbd_data.drawn(8, train=20, test=4)
    size = rgbd_presets.Size(8, 4, 3, 20, 4, 1, 1, 8, 1e-3, reconstruction=10.0)
    setup = rgbd_presets.setup(size, "gan")
    fitted = fitting.fit(setup, rgbd_data.sets(shapes))
    cuts = [shapes] * 3
    for options in rgbd_presets.SEARCHES.values():
        found = latent_search_rgbd.searched(fitted, cuts, options)
        assert set(found) == {"mse", "relative", "relative, depth", "unusual"}
        for name, scores in found.items():
            rows, means = latent_search_rgbd.judged(fitted, cuts, name, scores)
            assert [(row.group, row.detector) for row in rows] == [
                (shape, name) for shape in shapes.classes
            ]
            for row, one in zip(rows, scores, strict=True):
                strange = shapes.labels != shapes.classes.index(row.group)
                assert row.value == roc_auc_score(strange, one)
                own = means[f"{row.group}, seed 0"][row.group]
                np.testing.assert_allclose(own, one[~strange].mean())
    own = latent_search_rgbd.searched(fitted, cuts, {})
    part = members.test_part(fitted, 0, "test", shapes.test)
    for name, options in (
        ("mse", {}),
        ("relative", {"error": "relative"}),
        ("relative, depth", {"error": "relative", "scored": (3,)}),
    ):
        given = dataclasses.replace(setup, options={**setup.options, **options})
        alone = members.subset(dataclasses.replace(fitted, setup=given), [0])
        scores = scoring.aggregated(alone, [part])[0]
        np.testing.assert_allclose(own[name][0], scores, rtol=1e-4)
    others = rgbd_baselines.rows(shapes, [0])
    assert {row.detector for row in others} == {
        "pca",
        "pca, relative",
        "pca, unusual",
        "nearest training picture",
        "mean of the training pictures",
        "own edges, unusual",
        "1 / brightness",
        "mask area",
        "mean depth",
        "random",
    }


@pytest.mark.slow
def test_searches_along_the_training_of_one_shape(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator after an epoch is that of a training which ends there.

    Stopped in the last search, the study goes on with that one.
    """
    begun, stopped, by_search = [], [True], latent_search_rgbd.by_search

    def seen(
        fitted: Fitted,
        cuts: Sequence[Shapes],
        searches: Sequence[str],
        suffix: str = "",
    ) -> dict[str, Any]:
        if suffix == latent_search_rgbd.AFTER.format(2) and stopped:
            stopped.clear()
            raise KeyboardInterrupt
        begun.append(suffix)
        return by_search(fitted, cuts, searches, suffix)

    monkeypatch.setattr(latent_search_rgbd, "by_search", seen)
    words = ["--size", "test", "--losses", "gan", "--searches", "published"]
    words += ["--seeds", "0", "--shapes", "box", "--options", "latent=5"]
    found = {}
    for name, more in (
        ("long", ["--epochs", "3", "--follow", "1", "2"]),
        ("short", ["--epochs", "2"]),
    ):
        out = tmp_path / name
        asked = [*words, *more, "--out", str(out)]
        ended = [130, 0] if stopped else [0]
        assert [study.main(latent_search_rgbd.STUDY, asked) for _ in ended] == ended
        rows = json.loads((out / "latent_search_rgbd.json").read_text())["rows"]
        assert {row["group"] for row in rows} == {"box"}
        found[name] = {row["detector"]: row["value"] for row in rows}
    assert begun == ["", " (epoch 1)", " (epoch 2)", ""]
    row = "gan, published, mse"
    assert found["long"][f"{row} (epoch 2)"] == found["short"][row]
    assert {f"{row} (epoch 1)", row} <= set(found["long"])
    asked = [*words, "--shapes", "egg", "--out", str(tmp_path)]
    assert study.main(latent_search_rgbd.STUDY, asked) == 2


def test_an_epoch_that_no_search_follows_is_one_line(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--quick", "--out", str(tmp_path), "--follow", "1", "9999"]
    assert study.main(latent_search_rgbd.STUDY, given) == 2
    assert "--follow [1, 9999] must be between 1 and" in capsys.readouterr().err


def test_errors_of_colour_depth_and_edges() -> None:
    picture = np.full((1, 4, 4, 4), -1.0)
    made = picture.copy()
    made[..., :3] = 0.5
    made[0, 1, 2, 3] = 1.0
    found = np.exp(rgbd_errors.errors(picture, made)) - rgbd_errors.LEAST
    edges = 2 * 2.0**2 / 12 + 2 * 2.0**2 / 12
    np.testing.assert_allclose(found, [[1.5**2, 2.0**2 / 16, 0, edges]], atol=1e-12)
    light = np.exp(rgbd_errors.light(made)) - rgbd_errors.LEAST
    np.testing.assert_allclose(light, [[1.5**2, 2.0**2 / 16]], atol=1e-12)


def test_errors_as_of_held_out_pictures_are_usual() -> None:
    """Repeated with the errors of other pictures of their kind, whatever their size."""
    rng = np.random.default_rng(0)
    pictures = rng.uniform(-1, 1, (80, 8, 8, 4)) * rng.uniform(0.2, 1, (80, 1, 1, 1))
    noise = rng.normal(size=pictures.shape)
    again = pictures + 0.1 * noise
    held, test = (slice(None, 60), slice(60, None))
    args = pictures[held], again[held], pictures[test]
    same = rgbd_errors.unusual(*args, again[test])
    worse = rgbd_errors.unusual(*args, pictures[test] + 0.2 * noise[test])
    better = rgbd_errors.unusual(*args, pictures[test] + 0.05 * noise[test])
    assert same.max() < min(worse.min(), better.min())
    alike = rgbd_errors.unusual_edges(pictures[held], pictures[test])
    rough = rgbd_errors.unusual_edges(pictures[held], pictures[test] + noise[test])
    smooth = rgbd_errors.unusual_edges(pictures[held], np.sort(pictures[test], axis=1))
    usual = np.median(alike)
    assert usual < 4 < min(np.median(rough), np.median(smooth))
    with pytest.raises(ValueError, match="5 normal samples are too few"):
        rgbd_errors.unusual(pictures[:5], again[:5], pictures[test], again[test])


def test_only_the_largest_piece_stays() -> None:
    picture = np.zeros((1, 8, 8, 4), np.uint8)
    picture[0, 1:4, 1:4] = 9
    picture[0, 6, 6] = 9
    found = rgbd_data.masked(picture)
    assert found[0, 2, 2].tolist() == [9] * 4 and not found[0, 6, 6].any()
    assert not rgbd_data.masked(np.zeros((1, 8, 8, 4), np.uint8)).any()
    blocks = rgbd_data.shrunk(np.arange(16.0).reshape(1, 4, 4, 1), 2)
    assert blocks[0, :, :, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_real_captures_are_cut_by_file_number(data_root: pathlib.Path) -> None:
    if not (data_root / "rgbd_shapes").is_dir():
        pytest.skip("rgbd_shapes is not there")
    shapes = rgbd_data.real(data_root, 32)
    assert [len(own) for own in shapes.train] == [350] * 3
    assert [len(own) for own in shapes.held] == [75] * 3
    assert shapes.test.shape == (225, 32, 32, 4)
    assert np.abs(shapes.test).max() <= 1
    with pytest.raises(ValueError, match="side=30 must divide 64"):
        rgbd_data.real(data_root, 30)
    with pytest.raises(ValueError, match="seed 5 names no fold"):
        rgbd_data.real(data_root, 32, split="folds", part=5)


def test_neighbors_of_a_fold_train_nothing() -> None:
    own = np.arange(500)
    tested = []
    for part in range(rgbd_data.FOLDS):
        train, held, test = rgbd_data._cut(own, 350, 75, "folds", part, 0)
        apart = np.abs(train[:, None] - test[None]).min()
        assert len(test) == 100 and apart == rgbd_data.GAP + 1
        assert sorted([*train, *held, *test]) == own.tolist()
        tested += test.tolist()
    assert tested == own.tolist()
    drawn = [rgbd_data._cut(own, 350, 75, "random", part, 0) for part in (0, 0, 1)]
    assert (drawn[0][0] == drawn[1][0]).all() and (drawn[0][0] != drawn[2][0]).any()


@pytest.mark.parametrize(
    "asked", [ganomaly_mnist.STUDY, ganomaly_cifar10.STUDY], ids=["mnist", "cifar10"]
)
def test_missing_data_is_one_line(
    asked: study.Study, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert study.main(asked, words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
