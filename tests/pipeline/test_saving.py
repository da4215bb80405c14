"""Saved detectors: killed, damaged or made by hand they are whole or refused."""

from __future__ import annotations

import hashlib
import json
import pathlib
import random
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import jaxtsad
from jaxtsad import files
from jaxtsad.pipeline import saving
from jaxtsad.pipeline.saving import ARRAYS, NEXT, RECORD
from tests.detectors.test_contract import sines

TEST = sines(30, 2, seed=5)


@pytest.fixture(scope="module")
def detector() -> Any:
    return jaxtsad.TimeSeriesDetector("zscore", window=8).fit(sines(100, 2))


@pytest.fixture(scope="module")
def saved(detector: Any, tmp_path_factory: Any) -> pathlib.Path:
    path: pathlib.Path = tmp_path_factory.mktemp("saved") / "model"
    detector.save(path)
    return path


@pytest.fixture
def copy(saved: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(saved, tmp_path / "copy"))


def threshold(path: pathlib.Path) -> float:
    return float(saving.load(path)[0].thresholds[0].value)


def test_an_existing_empty_folder_is_saved_into(
    detector: Any, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    place = (tmp_path / "far").stat().st_ino
    for _ in range(2):
        detector.save(tmp_path / "link")
        assert (tmp_path / "far").stat().st_ino == place
        assert {p.name for p in (tmp_path / "far").iterdir()} == {ARRAYS, RECORD}
    (tmp_path / "far" / "notes.txt").write_text("mine")
    detector.save(tmp_path / "far")
    assert (tmp_path / "far" / "notes.txt").read_text() == "mine"
    assert threshold(tmp_path / "link") == detector.threshold_


def test_numpy_s_numbers_are_saved_as_parameters(tmp_path: pathlib.Path) -> None:
    values = sines(60, 2)
    kind = jaxtsad.TimeSeriesDetector
    options = {"average": np.bool_(True)}
    one = kind("zscore", window=np.int64(8), options=options, seed=np.uint8(3))
    one.fit(values).save(tmp_path / "m")
    again = jaxtsad.load(tmp_path / "m")
    assert again.get_params()["window"] == 8 and again.options == {"average": True}
    np.testing.assert_array_equal(again.predict(values), one.predict(values))


@pytest.mark.parametrize("moment", range(4))
def test_cut_short_at_any_moment_leaves_the_old_or_the_new_one(
    moment: int,
    detector: Any,
    copy: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What `save` does is recorded and done again up to a moment, as if killed."""
    old = detector.threshold_
    record = files.unsealed((copy / RECORD).read_bytes())
    arrays = safetensors.numpy.load((copy / ARRAYS).read_bytes())
    arrays["scaler/0/shift"] += 1
    content = safetensors.numpy.save(arrays)
    record["thresholds"][0]["value"] = old + 1
    record["arrays_sha256"] = hashlib.sha256(content).hexdigest()
    if moment > 0:
        (copy / NEXT).write_bytes(files.sealed(record))
    if moment > 1:
        (copy / ARRAYS).write_bytes(content)
    if moment > 2:
        (copy / NEXT).replace(copy / RECORD)
    assert threshold(copy) == old + (moment > 1)
    detector.save(copy)
    assert {p.name for p in copy.iterdir()} == {ARRAYS, RECORD}
    assert threshold(copy) == old


def test_a_write_that_fails_leaves_the_old_one(
    detector: Any, copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    for allowed in range(2):
        left = [None] * allowed

        def fsync(handle: int, left: list[None] = left) -> None:
            if not left:
                raise OSError(28, "No space left on device")
            left.pop()

        monkeypatch.setattr("os.fsync", fsync)
        with pytest.raises(ValueError, match="No space left on device"):
            detector.save(copy)
        assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
        with pytest.raises(ValueError, match="No space left on device"):
            left.extend([None] * allowed)
            detector.save(copy.with_name("new"))
        names = {p.name for p in copy.with_name("new").glob("*")}
        assert not any(name.startswith(".") for name in names)
        assert RECORD not in names


@pytest.mark.parametrize("name", [ARRAYS, RECORD])
def test_a_flipped_bit_is_refused(name: str, copy: pathlib.Path) -> None:
    content = (copy / name).read_bytes()
    chance = random.Random(0)
    regions = np.linspace(0, len(content) - 1, 60).astype(int).tolist()
    for place in {0, *regions}:
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        (copy / name).write_bytes(changed)
        with pytest.raises(ValueError, match="cannot be read") as error:
            jaxtsad.load(copy)
        assert "\n" not in str(error.value)
    (copy / name).write_bytes(content)
    jaxtsad.load(copy)


def changed_record(change: Callable[[dict[str, Any]], Any]) -> Callable[..., None]:
    def apply(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        del arrays
        change(record)

    return apply


def changed_array(name: str, value: Any) -> Callable[..., None]:
    def apply(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        del record
        (key,) = [key for key in arrays if key.endswith(name)][:1]
        arrays[key] = value(arrays[key])

    return apply


def nan(array: np.ndarray) -> np.ndarray:
    return np.full_like(array, np.nan)


BAD = {
    "nan threshold": changed_record(
        lambda r: r["thresholds"][0].update(value=float("nan"))
    ),
    "text threshold": changed_record(lambda r: r["thresholds"][0].update(value="1")),
    "no threshold": changed_record(lambda r: r.update(thresholds=[])),
    "unit of severity": changed_record(lambda r: r.update(spreads=[0.0])),
    "members": changed_record(lambda r: r.update(members=[])),
    "a member": changed_record(lambda r: r.update(members=[3])),
    "a seed": changed_record(lambda r: r.update(members=[["series", -1]])),
    "layout": changed_record(lambda r: r.update(layout=[])),
    "shape": changed_record(lambda r: r["layout"].update(shape=[])),
    "setup": changed_record(lambda r: r.update(setup="x")),
    "detector": changed_record(lambda r: r["setup"].update(detector="none")),
    "an option": changed_record(lambda r: r["setup"].update(options={"x": 1})),
    "a parameter": changed_record(lambda r: r.update(parameters={"x": 1})),
    "parameters": changed_record(lambda r: r.update(parameters=[1])),
    "channels": changed_record(lambda r: r.update(channels=["a"])),
    "schema": changed_record(lambda r: r.update(schema=2)),
    "a head": changed_record(lambda r: r["setup"].update(head="smooth")),
    "a head's option": changed_record(
        lambda r: r["setup"].update(head_options={"x": 1})
    ),
    "scale of 0": changed_array("/scale", np.zeros_like),
    "nan shift": changed_array("/shift", nan),
    "one shift": changed_array("/shift", lambda a: a[:1]),
    "whole shift": changed_array("/shift", lambda a: a.astype(int)),
    "low": changed_array("/low", lambda a: -a),
    "weights": changed_array("model/mean", nan),
    "weights' shape": changed_array("model/mean", lambda a: a[..., :1]),
}


def rewrite(path: pathlib.Path, change: Callable[..., None]) -> None:
    """Changes what is saved, so that the checksums are right."""
    record = files.unsealed((path / RECORD).read_bytes())
    arrays = dict(safetensors.numpy.load((path / ARRAYS).read_bytes()))
    change(record, arrays)
    content = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    )
    (path / ARRAYS).write_bytes(content)
    record["arrays_sha256"] = hashlib.sha256(content).hexdigest()
    (path / RECORD).write_bytes(files.sealed(record))


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_what_cannot_be_a_detector_is_refused_in_one_line(
    change: Callable[..., None], copy: pathlib.Path
) -> None:
    """Also where the checksums are right."""
    rewrite(copy, change)
    with pytest.raises(ValueError, match=r"the detector saved in .*") as error:
        jaxtsad.load(copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "3", '"x"', "null", "[" * 10**5, "{"])
def test_a_record_of_another_shape_is_one_line(text: str, copy: pathlib.Path) -> None:
    (copy / RECORD).write_text(text)
    with pytest.raises(ValueError, match="cannot be read"):
        jaxtsad.load(copy)


def test_an_earlier_version_s_is_told_to_be_fitted_again(copy: pathlib.Path) -> None:
    (copy / RECORD).write_text(json.dumps({"schema": 2, "members": []}))
    with pytest.raises(ValueError, match="its schema is 2, this version reads 5"):
        jaxtsad.load(copy)


def test_what_was_saved_before_there_were_heads_has_none(
    detector: Any, copy: pathlib.Path
) -> None:
    record = files.unsealed((copy / RECORD).read_bytes())
    record["schema"] = saving.HEADLESS
    for part in (record["setup"], record["parameters"]):
        del part["head"], part["head_options"]
    (copy / RECORD).write_bytes(files.sealed(record))
    loaded = jaxtsad.load(copy)
    assert loaded.head == "none" and loaded.fitted_.head is None
    np.testing.assert_array_equal(
        loaded.decision_function(TEST), detector.decision_function(TEST)
    )
