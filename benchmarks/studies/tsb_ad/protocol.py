"""The series of TSB-AD-M that public data rebuild, NAB and UCR, and how scores count.

The benchmark shows a detector one series at a time, unscaled and without labels; the
first `train_points` rows are for training, all rows are scored, and all rows count. The
figure is VUS-PR with buffers up to the period of the first channel; see
`evaluation.metrics.period`.

    for one in protocol.series("odd"):
        scores[one.name] = detector(one.values, one.train_points)
    protocol.evaluate(scores, "odd")        {"all": .4, "MSL": .3, ...}

Reference:
    Liu, Paparrizos: "The Elephant in the Room: Towards A Reliable Time-Series Anomaly
    Detection Benchmark", NeurIPS 2024 (TSB-AD). `tsb_ad/series.csv` says which channel
    or machine a series was, and which of its labels it kept.
"""

from __future__ import annotations

import collections
import csv
import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from jaxtsad.datasets import demo, nab, places, smap_msl, smd, ucr
from jaxtsad.datasets.reading import spans
from jaxtsad.datasets.synthetic import coupled
from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import period as periods
from jaxtsad.evaluation.metrics import vus
from jaxtsad.types import Series

TITLES = {
    "tsb_ad": "TSB-AD-M",
    "nab": "NAB",
    "ucr": "UCR",
    "coupled": "Synthetic columns with shared causes",
    "demo": "demo",
}
COUPLED = 24
"""Recordings of `make_coupled`, of which the gate never saw any."""
SEED = 100
DATA = tuple(TITLES)
HALVES = ("odd", "even", "all")
NASA = ("MSL", "SMAP")
THRESHOLDS = 250
Root: TypeAlias = str | os.PathLike[str] | None
Wanted: TypeAlias = Callable[[int, str], bool]


class Case(NamedTuple):
    """One series of the benchmark.

    Attributes:
        name: Name of its file there.
        dataset: Such as "MSL".
        train_points: How many of the first rows are for training.
        values: `[T, C]` float64, as published.
        labels: `[T]` int8, for metrics alone.
        place: 0-based place within its data set.
        group: Which of `DATA` it is of.
    """

    name: str
    dataset: str
    train_points: int
    values: np.ndarray
    labels: np.ndarray
    place: int = 0
    group: str = "tsb_ad"

    @property
    def half(self) -> str:
        """Which half of its data set it is in, by its place: "odd" or "even"."""
        return HALVES[1 - self.place % 2]

    @property
    def period(self) -> int:
        """Largest buffer of VUS: the period of the first channel, in steps."""
        return periods.dominant_period(self.values[:, 0])


def series(
    half: str = "odd",
    data: Sequence[str] = ("tsb_ad",),
    root: Root = None,
    datasets: Sequence[str] | None = None,
) -> list[Case]:
    """The series of one half of each data set, or all.

    Args:
        half: "odd" or "even", by 0-based place within a data set, or "all".
        data: Of `DATA`.
        root: The data root; None: see `places.data_root`.
        datasets: Of TSB-AD-M only these, such as "MSL"; None: all.

    Raises:
        FileNotFoundError: If a data set is not there.
        ValueError: If a choice is unknown, or a rebuilt series disagrees with the list
            of the benchmark.
    """
    if half not in HALVES:
        raise ValueError(f"{half=} must be one of {', '.join(HALVES)}")
    unknown = sorted(set(data) - set(DATA))
    if unknown:
        raise ValueError(f"data={unknown} must be of {', '.join(DATA)}")
    folder = places.data_root(root)

    def wanted(place: int, dataset: str) -> bool:
        chosen = datasets is None or dataset in datasets
        return chosen and half in (HALVES[1 - place % 2], "all")

    cases = [case for name in data for case in _READERS[name](folder, wanted)]
    if not cases:
        raise ValueError(f"there is no series of {datasets=}, {data=}, {half=}")
    return cases


def left_out(root: Root = None) -> list[str]:
    """Names of listed series whose data are not at hand."""
    absent = _split(places.data_root(root))[1]
    return [f"{row['tsb_ad_file']} ({row['original_series']})" for row in absent]


def vus_pr(labels: np.ndarray, scores: np.ndarray, period: int) -> float:
    """VUS-PR with 250 thresholds and buffers 0 to `period`.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.
        period: Largest buffer, in steps; `Case.period`.
    """
    return vus.vus(labels, scores, length=period, thresholds=THRESHOLDS).pr


def values(cases: Sequence[Case], scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """VUS-PR of each series, `[len(cases)]`.

    Raises:
        ValueError: If the scores of a series are missing, or not one per row.
    """
    measured = []
    for case in cases:
        if case.name not in scores:
            raise ValueError(f"there are no scores of {case.name}")
        score = np.asarray(scores[case.name], np.float64)
        if score.shape != case.labels.shape:
            raise ValueError(
                f"scores of {case.name} have shape {score.shape}, expected a score for "
                f"each of its {len(case.labels)} rows"
            )
        measured.append(vus_pr(case.labels, score, case.period))
    return np.array(measured)


def means(cases: Sequence[Case], measured: np.ndarray) -> dict[str, float]:
    """Mean over all series ("all"), and over those of each data set."""
    names = [case.dataset for case in cases]
    return {"all": float(np.mean(measured))} | {
        name: float(np.mean(measured[[name == other for other in names]]))
        for name in dict.fromkeys(names)
    }


def evaluate(
    scores: Mapping[str, np.ndarray],
    half: str = "odd",
    data: Sequence[str] = ("tsb_ad",),
    root: Root = None,
) -> dict[str, float]:
    """Mean VUS-PR over all series of a half ("all"), and by data set.

    Args:
        scores: `[T]` of each series, by name.
        half: See `series`.
        data: See `series`.
        root: See `series`.

    Raises:
        ValueError: As `series` and `values`.
    """
    cases = _kept(half, tuple(data), str(places.data_root(root)))
    return means(cases, values(cases, scores))


@functools.lru_cache(maxsize=4)
def _kept(half: str, data: tuple[str, ...], root: str) -> tuple[Case, ...]:
    return tuple(series(half, data, root))


def listed(root: pathlib.Path) -> list[dict[str, str]]:
    """Rows of the benchmark's list: see `tsb_ad/series.csv`.

    Raises:
        FileNotFoundError: If there is no list.
    """
    return read_csv(root, "series.csv")


def read_csv(root: pathlib.Path, name: str) -> list[dict[str, str]]:
    """Rows of a table in `tsb_ad`.

    Raises:
        FileNotFoundError: If it is not there.
    """
    path = root / "tsb_ad" / name
    if not path.is_file():
        raise FileNotFoundError(f"no {name} of TSB-AD: expected {path}")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _tsb_ad(root: pathlib.Path, wanted: Wanted) -> Iterator[Case]:
    """Every listed series at hand; places are counted among these."""
    count: collections.Counter[str] = collections.Counter()
    for row in _split(root)[0]:
        place = count[row["dataset"]]
        count[row["dataset"]] += 1
        if wanted(place, row["dataset"]):
            yield _rebuilt(root, row)._replace(place=place)


def _split(root: pathlib.Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Listed series that are at hand, and those that are not."""
    try:
        machines = smd.machines(root)
    except FileNotFoundError:
        machines = []
    here: list[dict[str, str]] = []
    absent: list[dict[str, str]] = []
    for row in listed(root):
        known = row["dataset"] in NASA or row["original_series"] in machines
        (here if known else absent).append(row)
    return here, absent


def _rebuilt(root: pathlib.Path, row: Mapping[str, str]) -> Case:
    """One series, equal to the list in length, first anomaly and anomalous rows."""
    name, dropped = row["original_series"], int(row["leading_points_dropped"])
    if row["dataset"] in NASA:
        [one] = smap_msl.load(root, [name])
        assert one.labels is not None
        test, labels = one.test, one.labels
    else:
        test, labels = smd.test_part(root, name)
    if row["labels_used"] == "lastrow":
        kept = smap_msl.label_table(root, rows="last")[name]
        labels = spans.mark(kept.spans, kept.steps)
    elif row["labels_used"] == "lastseg":
        start, stop = segments.segments(labels)[-1]
        labels = spans.mark(((int(start), int(stop), ""),), len(labels))
    elif row["labels_used"] != "all":
        raise ValueError(f"labels_used={row['labels_used']!r} of {name} is unknown")
    labels = labels[dropped:]
    case = Case(
        row["tsb_ad_file"],
        row["dataset"],
        int(row["train_points"]),
        np.asarray(test, np.float64)[dropped:],
        labels,
    )
    found = (len(labels), int(np.argmax(labels)), int(labels.sum()))
    wanted = tuple(int(row[k]) for k in ("ts_len", "first_anomaly", "anomaly_points"))
    if found != wanted:
        raise ValueError(
            f"{case.name}: rows, first anomaly and anomalous rows of {name} are "
            f"{found}, the benchmark's list says {wanted}"
        )
    return case


def _nab(root: pathlib.Path, wanted: Wanted) -> Iterator[Case]:
    """Files with known causes; the probationary rows are for training."""
    for place, one in enumerate(nab.load(root, group="realKnownCause")):
        if wanted(place, TITLES["nab"]):
            yield _joined("nab", one, place)


def _ucr(root: pathlib.Path, wanted: Wanted) -> Iterator[Case]:
    """Files of the archive, cut where their names say."""
    for place, one in enumerate(ucr.load(root)):
        if wanted(place, TITLES["ucr"]):
            yield _joined("ucr", one, place)


def _demo(root: pathlib.Path, wanted: Wanted) -> Iterator[Case]:
    """The recording that travels with the package."""
    for place, one in enumerate(demo.load(root)):
        if wanted(place, TITLES["demo"]):
            yield _joined("demo", one, place)


def _coupled(root: pathlib.Path, wanted: Wanted) -> Iterator[Case]:
    """Synthetic recordings whose columns share causes; those without an event apart."""
    del root
    title = TITLES["coupled"]
    for place in range(COUPLED):
        made = coupled.make_coupled(SEED, series=place)
        labels = np.asarray(made.labels.any(axis=1), np.int8)
        if labels.any() and wanted(place, title):
            name = f"coupled_{place}"
            yield Case(
                name, title, made.train_steps, made.values, labels, place, "coupled"
            )


def _joined(group: str, one: Series, place: int) -> Case:
    """A training part (without anomalies unless said) and the test part after it."""
    assert one.labels is not None
    nothing = np.zeros(len(one.train), np.int8)
    before = one.metadata.get("train_labels", nothing)
    rows = np.concatenate([one.train, one.test])
    labels = np.concatenate([before, one.labels])
    name = TITLES[group]
    return Case(one.name, name, len(one.train), rows, labels, place, group)


_READERS = {
    "tsb_ad": _tsb_ad,
    "nab": _nab,
    "ucr": _ucr,
    "coupled": _coupled,
    "demo": _demo,
}
