"""The types that every rank shares: recordings, roles of data, and what a detector is.

Shape letters: S seeds, M members, N windows or samples, B batch, T steps, L window
length, C channels.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array
PyTree: TypeAlias = Any
Metrics: TypeAlias = dict[str, Array]


class DataWarning(UserWarning):
    """Says what was mended in data, or what is likely to be wrong with it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """One entity's recording: a training part and, where known, a labeled test part.

    Attributes:
        name: Name of the entity, unique within its data set.
        train: Values `[T, C]`, in units of the source, ordered in time.
        test: Values `[T', C]` or None.
        labels: `[T']` 0/1 (int8), 1 where the test step is anomalous, or None.
        channels: Names of the C channels.
        kinds: True events of the test part as `(start, stop, kind)`, stop exclusive.
        metadata: Whatever else the source says (time stamps, group, license).
    """

    name: str
    train: np.ndarray
    test: np.ndarray | None = None
    labels: np.ndarray | None = None
    channels: tuple[str, ...] = ()
    kinds: tuple[tuple[int, int, str], ...] = ()
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """A set of independent samples: images `[N, H, W, C]` or table rows `[N, D]`.

    Attributes:
        name: Name of the set.
        values: `[N, ...]` as published (not scaled).
        labels: `[N]` class or 0/1 anomaly labels, or None.
        metadata: Class names, groups that must not be split, license.
    """

    name: str
    values: np.ndarray
    labels: np.ndarray | None = None
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Role(enum.StrEnum):
    """What a part of the data may be used for."""

    FIT = "fit"
    VALIDATION = "validation"
    TEST = "test"


class _Cutting:
    """The token of what cuts data, and of copies that keep the role."""


def _refuse(self: object, name: str, value: object = None) -> None:
    """Sets and deletes nothing of what travels with a role."""
    raise AttributeError(
        f"{type(self).__name__}.{name} cannot be assigned: the role of data is set "
        "where it is cut and cannot be relabeled"
    )


class _Roled:
    """Values with the role they were cut for; the role can never be changed."""

    __slots__ = ("entity", "role", "values")

    values: np.ndarray
    role: Role
    entity: str

    def __init__(
        self, values: np.ndarray, role: Role, entity: str, token: object = None
    ) -> None:
        if token is not _Cutting:
            raise TypeError(
                f"a {type(self).__name__} cannot be made by hand: the role of data is "
                "set where it is cut (types.cut_train, types.cut_test) and travels on"
            )
        for name, value in {"values": values, "role": role, "entity": entity}.items():
            object.__setattr__(self, name, value)

    __setattr__ = _refuse
    __delattr__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.values, self.role, self.entity, _Cutting)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.entity}, {self.role}, {self.values.shape})"


class Scores(_Roled):
    """Scores `[T]` of one entity's part with that part's role.

    Higher is more anomalous. Made by `Split.scored`. Thresholds are fitted on scores
    whose role is fit or validation and on no others.
    """

    __slots__ = ()

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Scores:
        """Applies a post-processing `[T] -> [T]` (smoothing, scaling); role kept."""
        return _scores(function(self.values), self)

    def at(self, steps: np.ndarray) -> Scores:
        """Scores of some steps, `[T]` bool; the role is kept."""
        return Scores(self.values[steps], self.role, self.entity, _Cutting)

    @staticmethod
    def join(parts: Sequence[Scores], entity: str = "pooled") -> Scores:
        """Concatenates scores of one role.

        Raises:
            ValueError: If `parts` is empty or holds more than one role.
        """
        roles = {part.role for part in parts}
        if len(roles) != 1:
            raise ValueError(f"scores of one role can be joined, got {sorted(roles)}")
        values = np.concatenate([part.values for part in parts])
        return Scores(values, parts[0].role, entity, _Cutting)


def restored(values: np.ndarray, role: str, entity: str) -> Scores:
    """Scores that a run wrote down with their role, read back as they were cut.

    For files of a run only; scores of new data come from `Split.scored`.

    Raises:
        ValueError: If the role is unknown or a score is not finite.
    """
    if role not in set(Role):
        raise ValueError(f"{role=} is unknown; the choices are {', '.join(Role)}")
    return Split(values, Role(role), entity, _Cutting).scored(values)


def remembered(
    values: np.ndarray, role: str, entity: str, breaks: Sequence[int] = ()
) -> Split:
    """Steps `[T, C]` that a fitted detector kept with their role, as they were cut.

    Raises:
        ValueError: If the role is not that of training data.
    """
    if role not in (Role.FIT, Role.VALIDATION):
        raise ValueError(f"{role=}, expected {Role.FIT} or {Role.VALIDATION}")
    return Split(values, Role(role), entity, _Cutting, breaks)


class Split(_Roled):
    """A part `[T, C]` of a recording with its role, from `cut_train` or `cut_test`.

    `breaks` are the steps before which time jumps; no window crosses one.
    """

    __slots__ = ("breaks",)
    breaks: tuple[int, ...]

    def __init__(
        self,
        values: np.ndarray,
        role: Role,
        entity: str,
        token: object = None,
        breaks: Sequence[int] = (),
    ) -> None:
        super().__init__(values, role, entity, token)
        object.__setattr__(self, "breaks", tuple(breaks))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.values, self.role, self.entity, _Cutting, self.breaks)

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """First and last (exclusive) step of each piece between breaks."""
        return list(itertools.pairwise((0, *self.breaks, len(self))))

    def map(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        breaks: Sequence[int] | None = None,
    ) -> Split:
        """Applies preprocessing `[T, C] -> [T', C']` to the values; the role is kept.

        Breaks are kept where no others are given and there are as many steps.
        """
        values = function(self.values)
        if breaks is None:
            breaks = self.breaks if len(values) == len(self) else ()
        return Split(values, self.role, self.entity, _Cutting, breaks)

    def scored(self, values: np.ndarray) -> Scores:
        """Binds one finite score per step to this part's role.

        Raises:
            ValueError: If there is not exactly one finite score per step.
        """
        return _scores(values, self)


def _scores(values: np.ndarray, like: _Roled) -> Scores:
    values = np.asarray(values)
    if values.shape != (len(like),):
        raise ValueError(f"{values.shape=} of scores, expected ({len(like)},)")
    for bad in np.flatnonzero(~np.isfinite(values)):
        raise ValueError(f"scores must be finite, got {values[bad]} at step {bad}")
    return Scores(values, like.role, like.entity, _Cutting)


def cut_train(
    values: np.ndarray,
    *,
    window: int,
    validation: float = 0.2,
    entity: str = "series",
    breaks: Sequence[int] = (),
) -> tuple[Split, Split | None]:
    """Cuts a training part in time into fit and validation, `window - 1` steps apart.

    The gap comes out of the validation side, so no fit window shares a step with a
    validation window. Where what is left is shorter than one window there is no
    validation part and everything is fitted on.

    Args:
        values: `[T, C]`, ordered in time.
        window: Window length L in steps, which sets the gap.
        validation: Share of the steps kept for validation, in [0, 1).
        entity: Name of the entity.
        breaks: Steps before which time jumps.

    Returns:
        The fit part and the validation part, or None where there is no room for one.

    Raises:
        ValueError: If `validation` is outside [0, 1).

    Example:
        >>> fit, held_out = cut_train(np.zeros((1000, 2)), window=50)
        >>> fit, held_out
        (Split(series, fit, (800, 2)), Split(series, validation, (151, 2)))
    """
    if not 0 <= validation < 1:
        raise ValueError(f"{validation=} must be a share in [0, 1)")
    border = int(len(values) * (1 - validation) + 1e-9)
    first = border + window - 1
    later = [b - first for b in breaks if first < b < len(values)]
    held_out = Split(values[first:], Role.VALIDATION, entity, _Cutting, later)
    room = max((stop - start for start, stop in held_out.pieces), default=0)
    if validation == 0 or room < window:
        return Split(values, Role.FIT, entity, _Cutting, breaks), None
    early = [b for b in breaks if b < border]
    return Split(values[:border], Role.FIT, entity, _Cutting, early), held_out


def cut_test(
    values: np.ndarray, *, entity: str = "series", breaks: Sequence[int] = ()
) -> Split:
    """Marks `values [T, C]` as test data, on which nothing can be fitted."""
    return Split(values, Role.TEST, entity, _Cutting, breaks)


class View:
    """Arrays on the device that keep the role of the data they were cut from.

    A subclass names its arrays and its static fields. It is a pytree; its role and
    other static fields cannot be changed, only its arrays by `with_arrays`.
    """

    __slots__ = ("role",)
    ARRAYS: ClassVar[tuple[str, ...]] = ()
    STATIC: ClassVar[tuple[str, ...]] = ("role",)
    role: Role

    def __init__(self, like: Split, **fields: Any) -> None:
        if not isinstance(like, Split):
            got = f"whose role it takes, got {type(like).__name__}"
            raise TypeError(f"a {type(self).__name__} is made of a Split, {got}")
        for name, value in {**fields, "role": like.role}.items():
            object.__setattr__(self, name, value)

    def __init_subclass__(cls) -> None:
        """Registers the subclass as a pytree."""
        jax.tree_util.register_pytree_with_keys(cls, cls._flatten, cls._unflatten)

    def with_arrays(self, **arrays: Any) -> Self:
        """The same view with other arrays; anything static is refused.

        Raises:
            TypeError: If a name is not that of an array.
        """
        for name in set(arrays) - set(self.ARRAYS):
            raise TypeError(
                f"{name!r} of a {type(self).__name__} cannot be replaced; its arrays "
                f"are {', '.join(self.ARRAYS)}"
            )
        static = tuple(getattr(self, name) for name in self.STATIC)
        kept = (arrays.get(name, getattr(self, name)) for name in self.ARRAYS)
        return self._unflatten(static, kept)

    __setattr__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        children, static = self._flatten()
        return self._unflatten, (static, tuple(leaf for _, leaf in children))

    def _flatten(self) -> tuple[tuple[tuple[Any, Any], ...], tuple[Any, ...]]:
        key = jax.tree_util.GetAttrKey
        children = tuple((key(name), getattr(self, name)) for name in self.ARRAYS)
        return children, tuple(getattr(self, name) for name in self.STATIC)

    @classmethod
    def _unflatten(cls, static: tuple[Any, ...], children: Iterable[Any]) -> Self:
        new = object.__new__(cls)
        names = (*cls.ARRAYS, *cls.STATIC)
        for name, value in zip(names, (*children, *static), strict=True):
            object.__setattr__(new, name, value)
        return new


class State(NamedTuple):
    """What a detector carries: scoring and saving see `model` only."""

    model: PyTree
    train: PyTree


class Clock(NamedTuple):
    """Where training stands, and how far the next call may go.

    Attributes:
        epoch: int32, counted from 0.
        first: int32, the first step of this stretch within the epoch.
        count: int32, how many steps to take.
        scale: float32 multiplier of every update (schedule times plateau).
    """

    epoch: Array
    first: Array
    count: Array  # type: ignore[assignment]
    scale: Array


class Batch(NamedTuple):
    """Windows or samples with what a loss must know of them.

    Attributes:
        values: `[B, L, C]` windows or `[B, ...]` samples.
        weight: `[B]` float32, 0 for padding.
        index: `[B]` int32 position in the source.
        known: `[B]` float32, 1 for a known anomaly, 0 for unlabeled.
    """

    values: Array
    weight: Array
    index: Array  # type: ignore[assignment]
    known: Array


class Live(NamedTuple):
    """How the scores of whole series go on as their steps come, without look-ahead.

    Models are stacked `[M, ...]`; leaves that M entities share are `[1, ...]`.

    Attributes:
        start: `(models, values [M, C]) -> state`, before the first step of series that
            had these values before; a pytree of arrays.
        step: `(models, state, values [M, C], clock) -> (state, [M, C])`, of the next
            step its score by channel, which sum to it. The clock is int32 and counts
            steps, modulo `period`.
        choose: `(which [M], new, old) -> state`, the new one of some entities.
        period: Steps after which the clock begins anew.
    """

    start: Callable[[PyTree, Array], PyTree]
    step: Callable[[PyTree, PyTree, Array, Array], tuple[PyTree, Array]]
    choose: Callable[[Array, PyTree, PyTree], PyTree]
    period: int


class Detector(NamedTuple):
    """An anomaly detector: a tuple of pure functions, key first.

    `source` is a `WindowView` or `SampleView`. Every function but `refresh` is pure
    and can be jitted and vmapped.

    Attributes:
        steps: `(source) -> int`, optimizer steps per epoch, 0 for closed forms.
        init: `(key, source) -> State`.
        advance: `(key, State, source, Clock) -> (State, Metrics)`; takes `clock.count`
            steps; the metrics are sums weighted by "weight" (see `training.epochs`).
        score: `(keys [B], model, Batch) -> [B, L] or [B]`, higher is more anomalous.
        refresh: `(key, State, source) -> State` on the host before an epoch; of a
            closed form once, after `init`.
        validate: `(key, model, source) -> Metrics` with "loss"; None: no early stop.
        explain: `(keys [B], model, Batch) -> [B, L, C]`, sums to the score over C.
        inspect: `(keys [B], model, Batch) -> dict of arrays`.
        rows: Rows of a training batch that devices may share where a member is alone
            (see `training.rows`); 0 where its network does not split.
        in_turn: Whether devices take turns with the batches that are scored where a
            member is alone, as they do with `rows`.
        series: `(model, values [T, C], length) -> [T, C]`, the scores of a whole
            series by channel, which sum to its score; of the T steps the first
            `length` are the series. Series are then scored by it, not by windows.
        reach: With `series`, steps before and after a step that its score depends on.
        latest: With `series`, how many values of the fit part it is fitted on, the last
            ones; 0 for all.
        units: With `series`, keys of its model that say in what units scores are.
        template: `() -> model` with shapes instead of arrays; None where tracing `init`
            tells them quickly.
        live: With `series`, how scores go on step by step; None: it scores no stream.
        advance_near: `(key, State, source, Clock, anchor, weight) -> (State, Metrics)`,
            `advance` with `weight / 2 |model - anchor|^2` added to what is descended;
            None: it cannot be held near other parameters.
        continues: Whether training goes on from a saved model with a new train state;
            else a detector that sees more data is fitted anew.
        small_products: Whether it makes many small products, as of images a few at a
            time, which a CPU's plainer library multiplies faster.
    """

    steps: Callable[[Any], int]
    init: Callable[[Key, Any], State]
    advance: Callable[[Key, State, Any, Clock], tuple[State, Metrics]]
    score: Callable[[Array, PyTree, Batch], Array]
    refresh: Callable[[Key, State, Any], State] | None = None
    validate: Callable[[Key, PyTree, Any], Metrics] | None = None
    explain: Callable[[Array, PyTree, Batch], Array] | None = None
    inspect: Callable[[Array, PyTree, Batch], dict[str, Array]] | None = None
    rows: int = 0
    in_turn: bool = False
    series: Callable[[PyTree, Array, Array], Array] | None = None
    reach: int = 0
    latest: int = 0
    units: tuple[str, ...] = ()
    template: Callable[[], PyTree] | None = None
    live: Live | None = None
    advance_near: Callable[..., tuple[State, Metrics]] | None = None
    continues: bool = False
    small_products: bool = False
