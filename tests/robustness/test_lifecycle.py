"""Life of what is fitted: any name, any damaged byte, any option and seed.

Every property is tried on a few cases, the same ones each time, and by `-m slow` on
many.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pathlib
import pickle
import tempfile
import tomllib
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import TimeSeriesDetector, cli, files, types
from jaxtsad.evaluation.events import Event, split_names, to_rows
from jaxtsad.experiments import toml
from jaxtsad.pipeline import members, saving
from jaxtsad.reporting import run_directory, spreadsheet
from jaxtsad.reporting.run_directory import Scored

MANY = 1000
SPICE = ["🚀", "[/red]x", "=1+1", "-", "@", "'", ";", "\\", "\n", "\r", '"', ",", "\t"]
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.one_of(
    st.lists(st.sampled_from([*SPICE, "a", "é", "-1", "n/a", "nan", " "])).map("".join),
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9
    ),
)
names = texts.filter(bool)
numbers = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.booleans())
odd = st.one_of(texts, numbers, st.none(), st.lists(texts, max_size=2), st.binary())


def cases(count: int) -> list[Any]:
    """The profile: few cases by default, many where they are asked for."""
    return [
        pytest.param(count, id="few"),
        pytest.param(MANY, id="many", marks=pytest.mark.slow),
    ]


def holds(count: int, **strategies: Any) -> Any:
    """Tries a property on so many cases, which are always the same."""

    def run(check: Any) -> None:
        made = settings(max_examples=count, deadline=None, derandomize=True)
        made(given(**strategies)(check))()

    return run


def one_line(error: BaseException) -> None:
    assert len(str(error).splitlines()) == 1, str(error)


@pytest.mark.parametrize("count", cases(50))
def test_names_come_back_from_the_files_of_a_run(
    count: int, tmp_path: pathlib.Path
) -> None:
    @holds(count, entity=names, channels=st.lists(names, min_size=1, max_size=3))
    def _(entity: str, channels: list[str]) -> None:
        event = Event(1, 3, 2.0, 2, 5.0, tuple(channels), (1.0,) * len(channels))
        row = {"entity": entity, "detector": "pca", "seed": 2**63 - 1}
        row |= to_rows([event])[0]
        run_directory.write_events(tmp_path, [row], list(row))
        read = run_directory.read_events(tmp_path)
        assert read["entity"].tolist() == [entity]
        assert read["seed"].tolist() == [2**63 - 1]
        assert split_names(read["channels"].iloc[0]) == channels
        text = (tmp_path / run_directory.EVENTS).read_text("utf-8")
        for line in csv.reader(io.StringIO(text, newline="")):
            for cell in line:
                if cell.startswith(spreadsheet.FORMULA):
                    float(cell)


@pytest.mark.parametrize("count", cases(50))
def test_a_quoted_cell_is_no_formula_and_comes_back(count: int) -> None:
    @holds(count, cell=texts)
    def _(cell: str) -> None:
        quoted = spreadsheet.quoted(cell)
        assert spreadsheet.unquoted(quoted) == cell
        if quoted.startswith(spreadsheet.FORMULA):
            float(quoted)


@pytest.mark.parametrize("count", cases(20))
def test_a_flipped_bit_of_arrays_or_records_is_refused(
    count: int, tmp_path: pathlib.Path
) -> None:
    rng = np.random.default_rng(0)
    scored = [Scored("🚀/=1", "pca", 3, rng.normal(size=60), None, np.ones(9), "fit")]
    scores = tmp_path / "scores.npz"
    run_directory.write_scores(scores, scored, {"🚀/=1": rng.normal(size=(60, 2))})
    whole = scores.read_bytes()
    record = files.sealed({"names": SPICE, "numbers": [0.1, 2**60], "zero": 0})

    @holds(count, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def _(place: float, bit: int) -> None:
        def flipped(content: bytes) -> bytes:
            changed = bytearray(content)
            changed[int(place * len(content))] ^= 1 << bit
            return bytes(changed)

        scores.write_bytes(flipped(whole))
        for read in (run_directory.read_scores, run_directory.read_values):
            with pytest.raises(ValueError) as error:
                read(scores)
            one_line(error.value)
        with pytest.raises(ValueError):
            files.unsealed(flipped(record))

    scores.write_bytes(whole)
    assert run_directory.read_scores(scores)[0].entity == "🚀/=1"
    assert files.unsealed(record)["names"] == SPICE


@pytest.mark.parametrize("count", cases(15))
def test_a_flipped_bit_of_a_detector_is_refused_and_names_come_back(
    count: int, tmp_path: pathlib.Path
) -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    detector = TimeSeriesDetector("zscore", window=8).fit(values)
    place = tmp_path / "[/red]🚀"

    @holds(
        count,
        channels=st.lists(texts, min_size=2, max_size=2),
        where=st.floats(0, 1, exclude_max=True),
        bit=st.integers(0, 7),
        name=st.sampled_from([saving.ARRAYS, saving.RECORD]),
    )
    def _(channels: list[str], where: float, bit: int, name: str) -> None:
        saving.save(place, detector.fitted_, {"seed": 2**62}, channels)
        fitted, parameters, read = saving.load(place)
        assert (parameters, read) == ({"seed": 2**62}, channels)
        assert fitted.thresholds == detector.fitted_.thresholds
        content = bytearray((place / name).read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        (place / name).write_bytes(content)
        with pytest.raises(ValueError) as error:
            saving.load(place)
        one_line(error.value)


def test_a_save_cut_short_after_another_loses_neither(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ended between its arrays and its record, the second before arrays."""
    values = np.random.default_rng(0).normal(size=(60, 2))
    first, second = (
        TimeSeriesDetector("zscore", window=8).fit(each) for each in (values, values**3)
    )
    first.save(tmp_path / "m")
    second.save(tmp_path / "other")
    for name, place in ((saving.ARRAYS, saving.ARRAYS), (saving.RECORD, saving.NEXT)):
        (tmp_path / "other" / name).replace(tmp_path / "m" / place)
    assert saving.load(tmp_path / "m")[0].thresholds == second.fitted_.thresholds
    write = files.write_bytes

    def full(path: pathlib.Path, content: bytes) -> None:
        if path.name == saving.ARRAYS:
            raise ValueError("No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(ValueError, match="No space"):
        first.save(tmp_path / "m")
    assert saving.load(tmp_path / "m")[0].thresholds == second.fitted_.thresholds


@pytest.mark.parametrize("count", cases(50))
def test_seeds_are_keys_or_one_line(count: int) -> None:
    @holds(count, seed=st.integers(0, 2**63 - 1), other=st.integers(0, 2**63 - 1))
    def _(seed: int, other: int) -> None:
        pair = [members.Member(None, seed), members.Member(None, other)]
        keys = jax.random.key_data(members.keys_of(pair))
        again = jax.random.key_data(members.keys_of(pair[:1]))
        np.testing.assert_array_equal(keys[0], again[0])
        assert (seed == other) == bool((keys[0] == keys[1]).all())

    @holds(count, seed=odd.filter(lambda s: type(s) is not int or not 0 <= s < 2**63))
    def _(seed: Any) -> None:
        with pytest.raises(ValueError, match="must be a whole number") as error:
            members.seed_of(seed)
        one_line(error.value)


@pytest.mark.parametrize("count", cases(50))
def test_roles_survive_copies(count: int) -> None:
    @holds(
        count, entity=texts, role=st.sampled_from(types.Role), size=st.integers(0, 9)
    )
    def _(entity: str, role: types.Role, size: int) -> None:
        scores = types.restored(np.arange(float(size)), role, entity)
        again = pickle.loads(pickle.dumps(scores))
        assert (again.role, again.entity, len(again)) == (role, entity, size)
        with pytest.raises(AttributeError, match="cannot be relabeled"):
            again.role = types.Role.FIT


@pytest.mark.parametrize("count", cases(50))
def test_configs_come_back_or_are_one_line(count: int, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "🚀.toml"
    values = st.recursive(
        st.one_of(texts, st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1)),
        lambda inner: st.dictionaries(names, inner, max_size=2),
        max_leaves=3,
    )

    @holds(
        count,
        name=texts,
        entities=st.lists(texts),
        options=st.dictionaries(names, values),
    )
    def _(name: str, entities: list[str], options: dict[str, Any]) -> None:
        data = {"entities": entities, "options": options}
        config = toml.parse({"name": name, "data": data})
        files.write_text(path, toml.dump(config))
        assert toml.load(path) == config
        assert path.read_text("utf-8") == toml.dump(config)

    @holds(count, key=st.sampled_from(KEYS), text=st.one_of(texts, numbers.map(str)))
    def _(key: str, text: str) -> None:
        path.write_text("")
        try:
            toml.load(path, [f"--{key}", text])
        except ValueError as error:
            one_line(error)

    @holds(count, content=st.one_of(st.binary(max_size=40), texts.map(str.encode)))
    def _(content: bytes) -> None:
        path.write_bytes(content)
        try:
            toml.load(path)
        except ValueError as error:
            one_line(error)


KEYS = [
    "name",
    "data",
    "data.entities",
    "data.options",
    "data.options.x",
    "window.length",
    "detector.name",
    "detector.options",
    "detector.options.width",
    "detector.options.",
    "training.seeds",
    "training.restore",
    "training.checkpoint_seconds",
    "threshold.options.q",
    "samples.seed",
    "evaluation.baselines",
    "nothing",
    "",
    "a.b.c",
]


@pytest.mark.parametrize("count", cases(30))
def test_the_command_line_never_ends_in_a_traceback(
    count: int, capsys: pytest.CaptureFixture
) -> None:
    words = st.one_of(
        st.sampled_from(["none.csv", "-", ".", "..", "/dev/null", "/dev/full", "~"]),
        texts,
    ).filter(lambda word: not word.startswith("--"))
    commands = st.one_of(
        st.tuples(st.just("fit"), words, st.just("--out"), words),
        st.tuples(
            st.sampled_from(["score", "events"]), words, words, st.just("--out"), words
        ),
        st.tuples(st.sampled_from(["run", "evaluate", "inspect", "schema"]), words),
        st.tuples(st.just("run"), st.just("--resume"), words),
        st.tuples(st.just("data"), st.sampled_from(["fetch", "verify"]), words),
        st.tuples(st.just("explore"), words, st.just("--out"), words),
        st.tuples(st.just("fit"), st.just("none.csv"), st.just("--out=m"), words),
    )

    @holds(count, command=commands)
    def _(command: tuple[str, ...]) -> None:
        with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
            try:
                code = cli.main(list(command))
            except SystemExit as usage:
                code = usage.code
            said = capsys.readouterr()
            assert code in (0, 2), (command, said.err)
            assert "Traceback" not in said.err
            if not said.err.startswith("usage: "):
                assert said.err.count("\n") == code // 2, said.err
            assert code == 0 or not os.listdir(place), command


@pytest.mark.parametrize("count", cases(20))
def test_parameters_of_any_type_are_one_line(count: int) -> None:
    values = np.random.default_rng(0).normal(size=(40, 2))
    parameters = list(TimeSeriesDetector().get_params(deep=False))

    @holds(count, name=st.sampled_from(parameters), value=odd)
    def _(name: str, value: Any) -> None:
        chosen = {"detector": "zscore", "window": 8, name: value}
        try:
            TimeSeriesDetector(**chosen).fit(values)
        except ValueError as error:
            one_line(error)


def test_no_key_of_a_config_is_read_from_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty.toml").touch()
    assert toml.load(tmp_path / "empty.toml") == toml.parse({})
    assert tomllib.loads(toml.dump(toml.parse({})))["name"] == "experiment"
