"""Recordings that people could have, by the thousand: how they are made and written.

A generated recording is three channels with a clock. It is handed over in some
container or text: whole, so that its scores may not change, or with something odd about
it, so that it is scored or refused in one line.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

NAMES = ("flow", "heat", "level")
CLOCKS = (
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
STARTS = ("2024-03-30", "2024-01-13 23:30", "1999-12-31 12:00")
OFFSETS = (0.0, 5.0, -40.0, 1024.0)


class Labeled:
    """A labeled array as xarray's: dims, coords, values, transpose."""

    class Coordinate:
        def __init__(self, values: Any) -> None:
            self.values = np.asarray(values)

    def __init__(self, values: np.ndarray, dims: tuple[str, ...], coords: dict) -> None:
        self.values, self.dims, self.name = values, dims, None
        self.coords = {name: self.Coordinate(each) for name, each in coords.items()}

    def transpose(self, *dims: str) -> Labeled:
        order = [self.dims.index(name) for name in dims]
        coords = {name: each.values for name, each in self.coords.items()}
        return Labeled(self.values.transpose(order), dims, coords)


def labeled(frame: pd.DataFrame) -> Labeled:
    """Channels first, time last."""
    coords = {"sensor": list(frame.columns), "time": frame.index.to_numpy()}
    return Labeled(frame.to_numpy().T, ("sensor", "time"), coords)


CONTAINERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "array": lambda f: f.to_numpy(),
    "float32": lambda f: f.to_numpy(np.float32),
    "fortran": lambda f: np.asfortranarray(f.to_numpy()),
    "masked": lambda f: np.ma.array(f.to_numpy()),
    "objects": lambda f: f.to_numpy(dtype=object),
    "lists": lambda f: f.to_numpy().tolist(),
    "rows of NumPy numbers": lambda f: [tuple(row) for row in f.to_numpy()],
    "records": lambda f: f.to_records(index=False),
    "frame": lambda f: f,
    "time column": lambda f: f.reset_index(),
    "text stamps": lambda f: f.set_index(f.index.astype(str)).reset_index(),
    "periods": lambda f: f.set_index(f.index.to_period("min")),
    "zone": lambda f: f.tz_localize("UTC").tz_convert("Asia/Tokyo"),
    "epoch": lambda f: f.assign(ts=f.index.astype("int64")).reset_index(drop=True),
    "numbers as text": lambda f: f.astype(str),
    "nullable": lambda f: f.astype("Float64"),
    "nullable float32": lambda f: f.astype("Float32"),
    "arrow columns": lambda f: f.astype("float64[pyarrow]"),
    "polars": lambda f: pl.from_pandas(f.reset_index()),
    "lazy polars": lambda f: pl.from_pandas(f.reset_index()).lazy(),
    "arrow table": lambda f: pa.Table.from_pandas(f),
    "labeled array": labeled,
    "one-element mapping": lambda f: {7: f},
    "one-element list": lambda f: [f],
}
BY_POSITION = frozenset("array float32 fortran masked objects lists".split()) | {
    "rows of NumPy numbers"
}
"""Containers without names: their columns stay in order."""
TIMELESS = BY_POSITION | {"records"}
"""Containers without a clock: their rows stay in order."""


@st.composite
def frames(draw: st.DrawFn, least: int = 1) -> pd.DataFrame:
    """Three channels with an index of time; some cells are missing or far out.

    All that is finite is held by float32 without loss.
    """
    steps = draw(st.integers(least, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = np.sin(np.arange(steps)[:, None] / (3 + np.arange(3)))
    values = values + 0.1 * random.normal(size=(steps, 3))
    values += draw(st.sampled_from(OFFSETS))
    values = values.astype(np.float32).astype(np.float64)
    odd = st.one_of(
        st.just(np.nan), st.floats(width=32, allow_subnormal=False), st.just(0.0)
    )
    place = st.tuples(st.integers(0, steps - 1), st.integers(0, 2))
    for (row, column), value in draw(st.dictionaries(place, odd, max_size=4)).items():
        values[row, column] = value
    if not np.isfinite(values).any():
        values[0] = 0.5
    start = draw(
        st.sampled_from(["2024-03-30", "2024-01-13 23:30", "1999-12-31 12:00"])
    )
    index = pd.date_range(start, periods=steps, freq="min", name="time")
    return pd.DataFrame(values, index, list(NAMES))


@dataclasses.dataclass
class Handed:
    """What is handed over, where each of its rows is in `frame`, and what it is."""

    thing: Any
    frame: pd.DataFrame
    rows: np.ndarray
    kind: str


@st.composite
def handed(draw: st.DrawFn) -> Handed:
    """A recording in a container, in any order that the container can say."""
    frame = draw(frames())
    kind = draw(st.sampled_from([*CONTAINERS]))
    columns, rows = [*NAMES], np.arange(len(frame))
    if kind not in BY_POSITION:
        columns = draw(st.permutations(NAMES))
    if kind not in TIMELESS and draw(st.booleans()):
        rows = np.random.default_rng(draw(st.integers(0, 99))).permutation(rows)
    return Handed(CONTAINERS[kind](frame[columns].iloc[rows]), frame, rows, kind)


def _cell(value: Any) -> Callable[[pd.DataFrame], Any]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        frame.iloc[len(frame) // 2, 1] = value
        return frame

    return change


ODD: dict[str, Callable[[pd.DataFrame], Any]] = {
    "rows twice": lambda f: pd.concat([f, f.iloc[::2]]),
    "a gap": lambda f: f.drop(f.index[len(f) // 3 : len(f) // 2]),
    "no stamp": lambda f: f.set_index(f.index.where(np.arange(len(f)) != len(f) // 2)),
    "one stamp": lambda f: f.set_index(f.index[:1].repeat(len(f))),
    "a channel less": lambda f: f.drop(columns="heat"),
    "a channel more": lambda f: f.assign(more=1.0),
    "renamed": lambda f: f.rename(columns={"heat": "Heat"}),
    "names of blanks": lambda f: f.rename(columns=lambda name: f" {name} "),
    "two of a name": lambda f: f.set_axis(["flow", "heat", "heat"], axis=1),
    "two levels": lambda f: pd.concat({"a": f}, axis=1),
    "numbered": lambda f: f.set_axis(range(3), axis=1),
    "text": lambda f: f.assign(heat="ON"),
    "a word": _cell("bad"),
    "an empty word": _cell(""),
    "a number as text": _cell("2.5"),
    "none": _cell(None),
    "not available": _cell(pd.NA),
    "no time": _cell(pd.NaT),
    "a list": _cell([1.0]),
    "a decimal": _cell(__import__("decimal").Decimal("1.5")),
    "a fraction": _cell(__import__("fractions").Fraction(1, 3)),
    "a large integer": _cell(10**400),
    "a complex": _cell(1 + 2j),
    "a truth value": _cell(True),
    "an array of one": _cell(np.array([2.0])),
    "complex": lambda f: f.astype(complex),
    "truth values": lambda f: f > 0.2,
    "whole numbers": lambda f: f.fillna(0).clip(-9, 9).astype(int),
    "small whole numbers": lambda f: f.fillna(0).clip(-9, 9).astype("int8"),
    "half": lambda f: f.clip(-9, 9).astype(np.float16),
    "nullable whole numbers": lambda f: f.clip(-9, 9).round().astype("Int64"),
    "long": lambda f: f.to_numpy().astype(np.longdouble),
    "categories": lambda f: f.assign(heat=pd.Categorical(f["heat"].astype(str))),
    "numbers as categories": lambda f: f.astype("category"),
    "sparse": lambda f: f.astype(pd.SparseDtype(float)),
    "dates": lambda f: f.assign(heat=f.index),
    "dead": lambda f: f.assign(heat=np.nan),
    "all dead": lambda f: f * np.nan,
    "constant": lambda f: f * 0.0 + 3.0,
    "an offset": lambda f: f + 1e9,
    "a tiny unit": lambda f: f * 1e-300,
    "a huge unit": lambda f: f * 1e300,
    "fill values": lambda f: f.fillna(9.96920997e36),
    "labels": lambda f: f.assign(label=0),
    "an entity": lambda f: f.assign(machine="a"),
    "a second clock": lambda f: f.assign(timestamp=np.arange(len(f)) + 1.7e9),
    "no rows": lambda f: f[:0],
    "no columns": lambda f: f[[]],
    "one column": lambda f: f["flow"],
    "one row": lambda f: f.iloc[0],
    "transposed": lambda f: f.T,
    "read-only": lambda f: _frozen(f.to_numpy().copy()),
    "backwards": lambda f: f.to_numpy()[::-1],
    "big-endian": lambda f: f.to_numpy().astype(">f8"),
    "a mask": lambda f: np.ma.masked_greater(f.to_numpy(), 0.9),
    "all masked": lambda f: np.ma.masked_all(f.shape),
    "three axes": lambda f: f.to_numpy()[None],
    "a scalar": lambda f: f.iloc[0, 0],
    "bytes": lambda f: f.to_numpy().tobytes(),
    "text of an array": lambda f: f.to_numpy().astype(str),
    "a generator": lambda f: (row for row in f.to_numpy()),
    "columns by name": lambda f: {name: f[name].to_numpy() for name in f},
    "a mapping": lambda f: {"a": f, "b": f[: len(f) // 2 + 1]},
    "two of them": lambda f: [f, f.to_numpy()],
    "ragged": lambda f: [row[: 2 + n % 2] for n, row in enumerate(f.to_numpy())],
    "nothing": lambda f: None,
    "a set": lambda f: {1.0, 2.0},
    "matrix": lambda f: np.asmatrix(f.to_numpy()),
    "a time zone": lambda f: f.tz_localize("Europe/Berlin"),
    "spans": lambda f: f.set_index(f.index - f.index[0]),
    "years": lambda f: f.set_index(f.index.to_period("Y")),
    "intervals": lambda f: f.set_index(pd.interval_range(0, len(f))),
    "two indexes": lambda f: f.set_index("level", append=True),
}  # fmt: skip


def _frozen(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


@dataclasses.dataclass
class Written:
    """A text, the recording that it was made of, and what is odd about it."""

    content: bytes
    frame: pd.DataFrame
    odd: tuple[str, ...]


FILLS = ["", "NA", "n/a", "nan", "NULL", "None", "-", "?", "1e400", "-inf", "#N/A"]


Lines = list[str]


def _line(lines: Lines, number: int, change: Callable[[str], str]) -> Lines:
    place = number % len(lines)
    return [*lines[:place], change(lines[place]), *lines[place + 1 :]]


def _last(lines: Lines, number: int, sign: str, change: Callable[[str], str]) -> Lines:
    """Changes the last cell of a line."""

    def changed(line: str) -> str:
        rest, between, cell = line.rpartition(sign)
        return rest + between + change(cell)

    return _line(lines, number, changed)


def _fill(lines: Lines, number: int, sign: str) -> Lines:
    word, place = FILLS[number % len(FILLS)], number // len(FILLS)
    return _last(lines, place, sign, lambda cell: word)


SIGNS = "#;,\"'\\\0é\u200b"
CHANGES: dict[str, Callable[[Lines, int, str], Lines]] = {
    "a missing cell": _fill,
    "an empty line": lambda lines, n, _: _line(lines, n, lambda x: f"{x}\n"),
    "a comment": lambda lines, n, _: _line(lines, n, lambda x: f"{x}\n# restarted"),
    "a line twice": lambda lines, n, _: _line(lines, n, lambda x: f"{x}\n{x}"),
    "a line less": lambda lines, n, _: _line(lines, n, lambda x: ""),
    "a short line": lambda lines, n, _: _line(lines, n, lambda x: x[: len(x) // 2]),
    "cut off": lambda lines, n, _: [*lines[:-1], lines[-1][: n % (len(lines[-1]) + 1)]],
    "a sign": lambda lines, n, _: _line(
        lines, n // 9, lambda x: x[: n % 9] + SIGNS[n % 9] + x[n % 9 :]
    ),
    "quotes": lambda lines, n, sign: _last(lines, n, sign, lambda cell: f'"{cell}"'),
    "all in quotes": lambda lines, n, sign: [
        sign.join(f'"{cell}"' for cell in line.split(sign)) for line in lines
    ],
    "blanks": lambda lines, n, sign: [x.replace(sign, f"{sign} ") for x in lines],
    "a word at the end": lambda lines, n, _: [*lines, "-- end of export --"],
    "a header again": lambda lines, n, _: [*lines, lines[0]],
    "from the newest": lambda lines, n, _: [lines[0], *lines[:0:-1]],
    "a cell more": lambda lines, n, sign: _line(lines, n, lambda x: f"{x}{sign}7"),
    "signs at the end": lambda lines, n, sign: [f"{line}{sign}" for line in lines],
    "old line ends": lambda lines, n, _: ["\r".join(lines)],
    "thousands": lambda lines, n, sign: _last(lines, n, sign, lambda cell: "1 234,5"),
    "a title": lambda lines, n, _: ["Station North, pump 7", "", *lines],
    "what tells Excel": lambda lines, n, sign: [f"sep={sign}", *lines],
    "units": lambda lines, n, sign: [
        lines[0], sign.join(["[-]"] * (lines[0].count(sign) + 1)), *lines[1:]
    ],
    "capitals": lambda lines, n, _: [lines[0].upper(), *lines[1:]],
}  # fmt: skip


HARMLESS = frozenset(CHANGES) & {
    "an empty line",
    "a comment",
    "quotes",
    "all in quotes",
    "blanks",
    "a title",
    "what tells Excel",
    "units",
    "old line ends",
    "signs at the end",
    "capitals",
}
"""Changes after which a text still says the same, if it can be read."""


@st.composite
def written(draw: st.DrawFn, changes: int = 0) -> Written:
    """A text file of a recording, in any dialect; `changes` odd things at most."""
    frame = draw(frames(least=3))
    frame = frame.replace([np.inf, -np.inf], np.nan)
    if not np.isfinite(frame.to_numpy()).all(axis=0).any():
        frame = frame.fillna(0.5)
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from([".", ","])) if separator != "," else "."
    clock = draw(st.sampled_from([None, *CLOCKS]))
    header = draw(st.booleans())
    table = frame[draw(st.permutations(NAMES))] if header else frame
    if clock:
        table = table.reset_index()
        table["time"] = table["time"].dt.strftime(clock)
    text = io.StringIO()
    table.to_csv(
        text,
        sep=separator,
        decimal=decimal,
        header=header,
        index=header and draw(st.booleans()) and clock is None,
        lineterminator="\n",
    )
    lines = text.getvalue().splitlines()
    odd = draw(
        st.lists(
            st.tuples(st.sampled_from([*CHANGES]), st.integers(0, 2000)),
            max_size=changes,
        )
    )
    for name, number in odd:
        lines = "\n".join(CHANGES[name](lines, number, separator)).split("\n")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    content = (end.join(lines) + end).encode(encoding, errors="replace")
    return Written(content, frame, tuple(name for name, _ in odd))


cells = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**30), 10**30),
    st.text(max_size=6),
    st.none(),
    st.booleans(),
    st.complex_numbers(max_magnitude=9),
    st.datetimes(),
    st.just([1, 2]),
    st.just(pd.NA),
)
things = st.one_of(
    cells,
    st.lists(cells, max_size=4),
    st.lists(st.lists(cells, min_size=2, max_size=2), max_size=30),
    st.dictionaries(st.one_of(st.text(max_size=2), st.integers()), cells, max_size=2),
)
"""Whatever can be handed to a function."""
CELLS = ["a", "b", "time", "", "1", "2.5", "3,5", "-7e3", "nan", "ON", "#", "inf"]
texts = st.builds(
    lambda rows, separator, end: end.join(separator.join(row) for row in rows),
    st.lists(
        st.lists(
            st.sampled_from([*CELLS, "2024-01-01", "02/03/2024 10:00", "1700000000"]),
            min_size=2,
            max_size=3,
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(["\n", "\r\n"]),
)
"""Texts of cells that are hard to tell apart."""
