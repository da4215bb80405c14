"""Configs: unknown keys are fatal, overrides are dotted, and TOML comes back."""

from __future__ import annotations

import pathlib
import tomllib

import pytest

from jaxtsad import detectors
from jaxtsad.datasets import places
from jaxtsad.experiments import config, toml

CONFIGS = sorted(places.bundled("configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_bundled_config_is_valid_and_comes_back(path: pathlib.Path) -> None:
    read = toml.load(path)
    assert toml.parse(tomllib.loads(toml.dump(read))) == read
    header = path.read_text().split("name =")[0]
    assert "Command: " in header and "Cost: " in header


def test_overrides() -> None:
    path = places.bundled("configs", "pca_smap.toml")
    flags = [
        "--training.seeds",
        "[1, 2]",
        "--window.length=20",
        "--data.dataset",
        "msl",
    ]
    flags += ["--detector.options.variance", "0.5", "--data.entities", "P-1"]
    read = toml.load(path, flags)
    assert read.training.seeds == (1, 2) and read.window.length == 20
    assert read.data.dataset == "msl" and read.data.entities == ("P-1",)
    assert read.detector.options == {"variance": 0.5}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"trainig": {}}, "trainig is no config key"),
        ({"training": {"epoch": 3}}, "training.epoch is no config key"),
        ({"training": {"epochs": 3.5}}, "training.epochs=3.5 must be a whole number"),
        ({"training": {"epochs": True}}, "epochs=True must be a whole number of at"),
        ({"training": 3}, "training=3 must be a table"),
        ({"training": {"seeds": []}}, "at least one seed"),
        ({"data": {"pooling": "glued"}}, "only under"),
        ({"evaluation": {"protocol": "fair"}}, "strict, paper"),
        ({"detector": {"name": "magic"}}, "the choices are"),
        ({"detector": {"options": {"depth": 1}}}, "depth=1 is no option"),
        ({"threshold": {"options": {"p": 1}}}, "p=1 is no option of threshold"),
        ({"window": {"aggregate": "sum"}}, "window.aggregate='sum' is unknown"),
    ],
)
def test_bad_configs_are_refused(tree: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        toml.parse(tree)


def test_files_that_are_no_config(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="no config file"):
        toml.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[training\n")
    with pytest.raises(ValueError, match="readable TOML"):
        toml.load(tmp_path / "bad.toml")
    (tmp_path / "good.toml").write_text("")
    for flags in (["training.epochs", "3"], ["--training.epochs"]):
        with pytest.raises(ValueError, match=r"override|needs a value"):
            toml.load(tmp_path / "good.toml", flags)
    assert toml.load(tmp_path / "good.toml") == config.Config()


def test_scores_of_a_batch_are_offered_under_the_paper_protocol_only() -> None:
    tree = {"detector": {"name": "ganomaly", "options": {"bn_eval": "batch"}}}
    with pytest.raises(ValueError, match="offered only under"):
        toml.parse(tree)
    toml.parse({**tree, "evaluation": {"protocol": "paper"}})


SPELLED = {
    True: ("true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", " true ", "'yes'"),
    False: ("false", "False", "FALSE", "no", "nO", "off", "Off", "0", '"false"'),
}


@pytest.mark.parametrize("value", SPELLED)
def test_truth_values_in_every_spelling(value: bool, tmp_path: pathlib.Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    for text in SPELLED[value]:
        read = toml.assignments([f"average={text}"], "zscore")
        assert read == {"average": value} and type(read["average"]) is bool
        for flags in (
            ["--detector.options.average", text, "--detector.name", "zscore"],
            [f"--detector.options.average={text}", "--detector.name=zscore"],
        ):
            config = toml.load(empty, flags)
            assert config.detector.options["average"] is value
        flags = ["--training.restore", text]
        assert toml.load(empty, flags).training.restore is value


@pytest.mark.parametrize("text", ["maybe", "2", "1.0", "", "nan", "yess", "[true]"])
def test_what_is_no_truth_value_is_refused(text: str) -> None:
    options = toml.assignments([f"average={text}"], "zscore")
    with pytest.raises(ValueError, match=r"average=.* must be true or false"):
        detectors.configure("zscore", {**options, "window": 8, "channels": 1})


def test_other_options_keep_their_types() -> None:
    texts = ["rank=1", "variance=0.5", "x=on", "y=no"]
    read = toml.assignments(texts, "pca")
    assert read == {"rank": 1, "variance": 0.5, "x": "on", "y": "no"}
    assert type(read["rank"]) is int
    with pytest.raises(ValueError, match="variance=True must be"):
        detectors.configure("pca", {"variance": True, "window": 8, "channels": 1})


def test_a_config_with_a_byte_order_mark_is_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.toml").write_text('name = "x"\n', encoding="utf-8-sig")
    assert toml.load(tmp_path / "a.toml").name == "x"
