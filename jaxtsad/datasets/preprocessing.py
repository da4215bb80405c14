"""Clipping and scaling, fitted on the fit part only.

Order of the pipeline, per entity: `screening.screen`, cut into fit and validation
(`types.cut_train`), `fit_scaler` on the fit part, `Scaler.apply` to every part.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from jaxtsad import blocks
from jaxtsad.types import Role, Split

ScalerKind = Literal["auto", "pixels", "symmetric", "zscore", "minmax", "none"]
KINDS = typing.get_args(ScalerKind)
Blocks: TypeAlias = Callable[[], Iterator[np.ndarray]]
"""Gives the rows `[N, C]` of a block after the other, as often as it is called."""
CONSTANT = 1e-13
"""A channel whose range is at most this share of its magnitude is constant: the rest is
rounding of float64."""
LIMIT = 1e6
"""Scaled values are capped here, so that their squares are finite and exact enough."""
RAW_LIMIT = 1e15
"""The cap of values that are not scaled: sums of their squares fit into float32."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scaler:
    """A clip and an affine map per channel, fitted by `fit_scaler`.

    Attributes:
        kind: One of `KINDS`, never `auto`.
        shift: `[C]` float64, subtracted.
        scale: `[C]` float64, divided by.
        low: `[C]` float64, lower clipping bound in units of the data, or -inf.
        high: `[C]` float64, upper clipping bound, or inf.
        clip_test: Whether test parts are clipped as well. Clipping caps how
            anomalous a single step can look.
    """

    kind: str
    shift: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    clip_test: bool = True

    @property
    def channels(self) -> int:
        """Number of channels C it was fitted on."""
        return len(self.shift)

    @property
    def middle(self) -> np.ndarray:
        """`[C]` the mean, or the middle of the range, of the values fitted on."""
        return self.shift + self.scale / 2 if self.kind == "minmax" else self.shift

    def transform(self, values: np.ndarray, *, clip: bool = True) -> np.ndarray:
        """Clips and scales `[..., C]` in float64 and returns finite float32.

        What lies further out than `LIMIT` (`RAW_LIMIT` of kind "none") is capped there:
        it is as anomalous as a value can be.

        Raises:
            ValueError: If the channel count differs from the fitted one.
        """
        if values.ndim < 1 or values.shape[-1] != self.channels:
            raise ValueError(
                f"{values.shape=}, expected {self.channels} channels as in training"
            )
        wide = np.asarray(values, np.float64)
        if clip:
            wide = np.clip(wide, self.low, self.high)
        limit = RAW_LIMIT if self.kind == "none" else LIMIT
        with np.errstate(over="ignore"):
            scaled = (wide - self.shift) / self.scale
        return np.clip(scaled, -limit, limit).astype(np.float32)

    def apply(self, split: Split) -> Split:
        """Transforms a part; its role is kept."""
        clip = self.clip_test or split.role is not Role.TEST

        def transform(values: np.ndarray) -> np.ndarray:
            return self.transform(values, clip=clip)

        return split.map(lambda values: blocks.by_blocks(transform, values))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as numeric arrays, to be saved; `from_arrays` reads it back."""
        kind = np.frombuffer(self.kind.encode(), np.uint8).copy()
        numbers = dataclasses.asdict(self) | {"kind": kind}
        return {name: np.asarray(value) for name, value in numbers.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Scaler:
        """Restores what `arrays` gave.

        Raises:
            ValueError: If an array is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        missing = sorted(set(names) - set(arrays))
        if missing:
            raise ValueError(f"a saved scaler needs {names}, {missing} is missing")
        fields = {name: np.asarray(arrays[name]) for name in names}
        kind = bytes(fields.pop("kind").astype(np.uint8)).decode()
        clip_test = bool(fields.pop("clip_test"))
        return cls(kind=kind, clip_test=clip_test, **fields)


def fit_scaler(
    kind: str,
    fit: Split | Sequence[Split],
    clip_values: float | None = None,
    *,
    clip_test: bool = True,
) -> Scaler:
    """Fits clipping bounds and a scaling on fit data and nothing else.

    Statistics are float64 over the steps of all parts together: population variance for
    "zscore", minimum and range for "minmax". With `clip_values` the bounds are mean +-
    so many standard deviations, and the scaling is fitted on the clipped values. They
    follow a change of unit, whatever it is. Channels that are constant (their range is
    at most 1e-13 of their magnitude) are divided by 1 and never clipped.

    Args:
        kind: "zscore", "minmax" (to [0, 1]) or "none"; "symmetric", the range to
            [-1, 1]; "pixels", 0 to 255 to [-1, 1], not fitted and not clipped; "auto",
            pixels for images of bytes, symmetric for other images, else zscore.
        fit: One or more parts `[T, C]` (or samples `[N, ..., C]`) of role fit with
            equal C.
        clip_values: Number of standard deviations, or None for no clipping.
        clip_test: Whether `Scaler.apply` clips test parts as well.

    Raises:
        ValueError: If a part is not of role fit, a value is not finite, channel counts
            differ, or an option is out of range.

    Example:
        >>> from jaxtsad import types
        >>> fit, _ = types.cut_train(np.array([[1.0], [3.0]]), window=1, validation=0)
        >>> fit_scaler("zscore", fit).apply(fit).values.ravel()
        array([-1.,  1.], dtype=float32)
    """
    parts = [fit] if isinstance(fit, Split) else list(fit)
    if kind not in KINDS:
        raise ValueError(f"{kind=} is unknown; the choices are {', '.join(KINDS)}")
    if clip_values is not None and not clip_values > 0:
        raise ValueError(
            f"{clip_values=} must be a positive number of deviations or None"
        )
    if not parts:
        raise ValueError("a scaler needs at least one fit part, got none")
    for part in parts:
        if part.role is not Role.FIT:
            raise ValueError(f"scalers are fitted on role fit only, got {part}")
        if not all(np.isfinite(rows).all() for rows in blocks.blocks(part.values)):
            raise ValueError(f"{part} holds non-finite values; screen it first")
    counts = sorted({part.values.shape[-1] for part in parts})
    if len(counts) != 1:
        raise ValueError(f"parts must have equally many channels, got {counts}")
    if kind == "auto":
        kind = _automatic(parts[0].values)
    infinite = np.full(counts[0], np.inf)
    low, high = -infinite, infinite
    if kind == "pixels":
        half = np.full(counts[0], 127.5)
        return Scaler(kind, half, half, low, high, clip_test)
    given = _joined(parts, counts[0])
    lowest, highest = _range(lambda: blocks.blocks(given))
    # Powers of two change no digit; of order 1, squares neither overflow nor vanish.
    largest = np.maximum(np.abs(lowest), np.abs(highest))
    exponent = np.frexp(largest)[1]
    extent = np.ldexp(highest, -exponent) - np.ldexp(lowest, -exponent)
    varies = extent > CONSTANT * np.ldexp(largest, -exponent)
    bounds = low, high

    def values() -> Iterator[np.ndarray]:
        for rows in blocks.blocks(given):
            scaled = np.ldexp(rows.astype(np.float64), -exponent)
            yield scaled if clip_values is None else np.clip(scaled, *bounds)

    if clip_values is not None:
        mean, deviation = _moments(values)
        lowest = np.where(varies, mean - clip_values * deviation, -np.inf)
        highest = np.where(varies, mean + clip_values * deviation, np.inf)
        bounds = lowest, highest
        low, high = _with_exponent(lowest, exponent), _with_exponent(highest, exponent)
    if kind == "none":
        nothing = np.zeros(counts[0])
        return Scaler(kind, nothing, nothing + 1, low, high, clip_test)
    shift, scale = _statistics(kind, values)
    # A constant channel keeps its unit, and no mean that rounding moves shifts it.
    constant = _with_exponent(next(values())[0], exponent)
    unit = 1.0
    if kind == "symmetric":
        constant, unit = constant + 0.5, 0.5
    shift = np.where(varies, _with_exponent(shift, exponent), constant)
    scale = np.where(varies, _with_exponent(scale, exponent), unit)
    return Scaler(kind, shift, scale, low, high, clip_test)


def _with_exponent(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Values times a power of two, as large as a float64 can be where more is asked."""
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        scaled = np.ldexp(values, exponent)
    return np.where(np.isinf(values), values, np.clip(scaled, -most, most))


def _joined(parts: Sequence[Split], channels: int) -> Any:
    """Rows `[N, C]` of all parts; one that is on disk stays there."""
    if len(parts) == 1 and isinstance(parts[0].values, blocks.DiskArray):
        return parts[0].values
    return np.concatenate([part.values.reshape(-1, channels) for part in parts])


def _range(values: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of columns."""
    each = [(rows.min(axis=0), rows.max(axis=0)) for rows in values()]
    low, high = zip(*each, strict=True)
    return (
        np.min(low, axis=0).astype(np.float64),
        np.max(high, axis=0).astype(np.float64),
    )


def _moments(values: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Means and population deviations of columns, exact beside a large offset.

    Three passes: the mean, what rounding left of it, the squares. Sums are sums of
    blocks in order, so that it is the same number wherever the values are.
    """

    def total(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        sums = np.zeros(())
        for rows in values():
            sums = sums + function(rows).sum(axis=0)
        return sums

    count = sum(len(rows) for rows in values())
    mean = total(lambda rows: rows) / count
    rest = total(lambda rows: rows - mean) / count
    squares = total(lambda rows: np.square(rows - mean - rest))
    return mean + rest, np.sqrt(squares / count)


def _automatic(values: np.ndarray) -> str:
    if values.ndim < 4:
        return "zscore"
    return "pixels" if values.dtype == np.uint8 else "symmetric"


def _statistics(kind: str, values: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale of columns that are not constant."""
    if kind == "zscore":
        return _moments(values)
    lowest, highest = _range(values)
    extent = highest - lowest
    if kind == "symmetric":
        return lowest + extent / 2, extent / 2
    return lowest, extent
