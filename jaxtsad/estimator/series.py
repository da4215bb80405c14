"""The scikit-learn style face: fit, decision_function, predict, events, explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, overload

import numpy as np

from jaxtsad import validation
from jaxtsad.estimator import results
from jaxtsad.estimator.base import mapping
from jaxtsad.estimator.series_scoring import Recordings, SeriesScoring, Several
from jaxtsad.pipeline import fitting, inputs, labels, members, updating
from jaxtsad.pipeline.setup import Setup
from jaxtsad.streaming import DriftMonitor, Stream, causal, drift
from jaxtsad.training.federated import Federated
from jaxtsad.training.fit import Callbacks


class TimeSeriesDetector(SeriesScoring):
    """Detects anomalies in multivariate time series with any detector by name.

    Parameters are stored unmodified and checked in `fit`; what is learned ends in `_`.

    Args:
        detector: Name of the detector (`jaxtsad.detectors.available()`).
        window: Window length L in steps.
        options: Options of the detector (`jaxtsad.detectors.options(name)`).
        stride: Gap between windows when fitting, in steps.
        score_stride: Gap between windows when scoring; None for L // 4.
        aggregate: How overlapping window scores become one score per step: `mean`,
            `max`, `last`, `center` or `spread`.
        scaler: `zscore`, `minmax` or `none`, fitted on the fit part.
        clip_values: Standard deviations at which values are clipped, or None.
        validation: Share of the training part kept, in time, for early stopping and
            for the threshold.
        pooling: For a list of series: `per_entity`, one model each, trained together
            in one program; `pooled`, one model for all; or `federated`, one model
            averaged from what each series trains on its own data, with a scaler and a
            threshold each.
        federated_options: How it is averaged (`training.federated.Federated`): rounds,
            which take the place of epochs, local epochs, FedProx, clipping and noise.
        head: Score head: `none`; `smooth`, the score smoothed and calibrated;
            `evidence`, channels in units of what is normal for each, combined, smoothed
            and calibrated; `gated`, evidence where a pre-trained gate sees an anomaly,
            too. The last two are of detectors that explain themselves.
        head_options: Its options (`evaluation.scoring.options`).
        threshold: Kind of threshold: `budget`, false events that normal data may raise;
            `quantile`, `gaussian`, `mad`, `iqr` or `pot`.
        threshold_options: Its options; of `budget` they are `alarms_per_1000` steps,
            1 where nothing is said, or `alarms_per_day`.
        epochs: At most this many epochs.
        batch_size: Windows per step and per scoring call; None for the detector's own.
        clip_gradients: The detector's option of that name, largest global norm of a
            gradient; None for its own.
        stop: What early stopping looks at: `loss`, `paper` or `none`.
        patience: Epochs without improvement before a model stops.
        schedule: `constant`, `halving`, `cosine` or `plateau`.
        missing_values: Numbers that stand for a missing value, such as `[-999]`.
        duplicates: What becomes of rows with one time stamp: their `mean`, the `first`
            of them, or an `error`.
        resample: Width of even steps, such as "1min", of which each is the mean of its
            rows; None to leave them as they are.
        max_gap: Longest time between steps that a window may span, such as "5min".
        time_format: Format of time stamps that are text, as of `strptime`, or the unit
            of numbers that count from 1970; None: found out.
        seed: Seed of everything random.

    Attributes:
        n_features_in_: Number of channels C.
        feature_names_in_: Channel names, where a data frame was given.
        entities_: Names of the series fitted on.
        threshold_: The threshold, or a mapping by entity.
        privacy_: Where `federated`, the `epsilon` and `delta` of differential privacy
            that the model spends on each entity; else None.
        fitted_: The trained members.
        updates_: After `partial_fit` with a tolerance, each entity before and after it
            (`pipeline.updating.Comparison`).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> train, test = rng.normal(size=(500, 2)), rng.normal(size=(200, 2))
        >>> test[120] += 9
        >>> detector = TimeSeriesDetector("zscore", window=20).fit(train)
        >>> int(detector.decision_function(test).argmax())
        120
        >>> int(detector.predict(test)[120])
        1
    """

    fitted_: members.Fitted

    def __init__(
        self,
        detector: str = "pretrained_tcn",
        *,
        window: int = 40,
        options: Mapping[str, Any] | None = None,
        stride: int = 1,
        score_stride: int | None = None,
        aggregate: str = "mean",
        scaler: str = "zscore",
        clip_values: float | None = None,
        validation: float = 0.2,
        pooling: str = "per_entity",
        federated_options: Mapping[str, Any] | None = None,
        head: str = "none",
        head_options: Mapping[str, Any] | None = None,
        threshold: str = "quantile",
        threshold_options: Mapping[str, Any] | None = None,
        epochs: int = 10,
        batch_size: int | None = None,
        clip_gradients: float | None = None,
        stop: str = "loss",
        patience: int = 3,
        schedule: str = "constant",
        missing_values: Sequence[float | str] | float | None = None,
        duplicates: str = "mean",
        resample: str | float | None = None,
        max_gap: str | float | None = None,
        time_format: str | None = None,
        seed: int = 0,
    ) -> None:
        self.detector = detector
        self.window = window
        self.options = options
        self.stride = stride
        self.score_stride = score_stride
        self.aggregate = aggregate
        self.scaler = scaler
        self.clip_values = clip_values
        self.validation = validation
        self.pooling = pooling
        self.federated_options = federated_options
        self.head = head
        self.head_options = head_options
        self.threshold = threshold
        self.threshold_options = threshold_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.clip_gradients = clip_gradients
        self.stop = stop
        self.patience = patience
        self.schedule = schedule
        self.missing_values = missing_values
        self.duplicates = duplicates
        self.resample = resample
        self.max_gap = max_gap
        self.time_format = time_format
        self.seed = seed

    def fit(
        self, X: Recordings, y: Any = None, *, callbacks: Callbacks | None = None
    ) -> Self:
        """Fits on training recordings, which should be mostly normal.

        Args:
            X: `[T, C]` array or data frame, or several of them as a list or a mapping.
            y: Known anomalies: of one series labels `[T]`, 1 for a known anomaly and 0
                for unlabelled, or events `[(start, stop), ...]`, by row or time stamp;
                of several a list or mapping of these; None for none. A detector that
                does not learn from labels leaves the windows that meet one out. Neither
                scalers nor early stopping nor thresholds see them.
            callbacks: Whom training reports to.

        Raises:
            ValueError: If a parameter or the data is bad, in one line.
        """
        given = inputs.recordings(X, results.reading_options(self), fitting=True)
        self.fitted_ = fitting.fit(
            self._setup(),
            [(one.name, one.values) for one in given.series],
            seeds=(self.seed,),
            known=None if y is None else labels.steps(y, given),
            breaks={one.name: one.breaks for one in given.series},
            days=results.steps_per_day(given),
            callbacks=callbacks,
        )
        self._learned(given.series[0].channels)
        return self

    @overload
    def fit_predict(
        self, X: Mapping[str, Any], y: Any = ..., *, callbacks: Callbacks | None = ...
    ) -> dict[str, np.ndarray]: ...
    @overload
    def fit_predict(
        self, X: Several, y: Any = ..., *, callbacks: Callbacks | None = ...
    ) -> list[np.ndarray]: ...
    @overload
    def fit_predict(
        self, X: Any, y: Any = ..., *, callbacks: Callbacks | None = ...
    ) -> np.ndarray: ...
    def fit_predict(
        self, X: Recordings, y: Any = None, *, callbacks: Callbacks | None = None
    ) -> Any:
        """Fits and flags the same series: 0 and 1 per step."""
        return self.fit(X, y, callbacks=callbacks).predict(X)

    def partial_fit(
        self,
        X: Recordings,
        y: Any = None,
        *,
        epochs: int | None = None,
        tolerance: float | None = 0.1,
        callbacks: Callbacks | None = None,
    ) -> Self:
        """Goes on fitting on new recordings, which should be mostly normal.

        Steps of the data before are seen again beside the new ones, and head and
        threshold are set on held-out steps of both. A network goes on from its
        parameters; what has none is fitted anew. The version before is kept (see
        `rollback`), and saved along. Not fitted yet, it is fitted.

        A stream that was made before goes on as it was made.

        Args:
            X: New recordings, in the shape that `decision_function` takes; some of the
                entities are enough.
            y: Known anomalies, as for `fit`.
            epochs: At most this many; None for as many as `fit`.
            tolerance: An entity's update is refused where it loses more on held-out
                steps of its data before, into which faults are put: where the interval
                of the difference in VUS-PR, or in the share of faults that its
                threshold finds, lies below the negative of this (`updates_`). None
                refuses nothing.
            callbacks: Whom training reports to.

        Raises:
            ValueError: If a parameter or the data is bad, or every entity's update is
                refused; the detector is then as it was.
            DataWarning: A warning, where updates of some entities are refused.
        """
        if not hasattr(self, "fitted_"):
            return self.fit(X, y, callbacks=callbacks)
        given = inputs.recordings(X, results.reading_options(self), fitting=True)
        names = tuple(self.feature_names_in_)
        given = given._replace(series=tuple(s.ordered(names) for s in given.series))
        self.fitted_, self.updates_ = updating.guarded(
            self.fitted_,
            given.members(self.entities_),
            [(one.name, one.values) for one in given.series],
            known=None if y is None else labels.steps(y, given),
            breaks={one.name: one.breaks for one in given.series},
            days=results.steps_per_day(given),
            epochs=epochs,
            tolerance=tolerance,
            callbacks=callbacks,
        )
        self._learned_thresholds()
        return self

    def rollback(self) -> Self:
        """Takes back the last `partial_fit`: the version before is the detector again.

        Raises:
            ValueError: If there is none; one version is kept.
        """
        self._check_fitted()
        if self.fitted_.previous is None:
            raise ValueError("there is no version before: nothing was updated")
        self.fitted_ = self.fitted_.previous
        self._learned_thresholds()
        return self

    def stream(
        self, entities: int | Sequence[str] | None = None, *, rules: Any = None
    ) -> Stream:
        """A stream of this detector, which takes steps as they come.

        Its scores are those of `decision_function(X, causal=True)`. The first stream
        of a detector sets its causal thresholds, which takes some time.

        Args:
            entities: What is watched: of a detector with one model a number of series
                or their names, None for a single series; of one with a model per
                entity names of some of these, None for all.
            rules: How scores become alarms (`evaluation.alarms.rules.Rules`), for all
                entities; None for each one's own, as `events` uses them.

        Raises:
            ValueError: If an entity was not fitted on, or the detector scores no
                stream.
        """
        self._check_fitted()
        names, index = self._watched(entities)
        known = causal.of(causal.causal(self.fitted_), index)
        own = causal.of(self.fitted_, index)
        each = None if rules is None else [rules] * len(index)
        parameters = self.get_params(deep=False)
        channels = list(self.feature_names_in_)
        return Stream(own, known, parameters, channels, names, each)

    def drift_monitor(
        self, entity: str | None = None, *, error: float = 0.01
    ) -> DriftMonitor:
        """A monitor that says when, and in which channels, data are no longer normal.

        It is given steps and their causal scores and adapts nothing; see `partial_fit`.

        Args:
            entity: Whose; None of a detector of one series.
            error: Drifts told of normal data in 1,000 blocks (`streaming.drift`).

        Raises:
            ValueError: If the entity was not fitted on, `error` is not positive, or
                river (`jaxtsad[drift]`) is not installed.
        """
        self._check_fitted()
        return drift.monitor(self, entity, error=error)

    def __sklearn_tags__(self) -> Any:
        """Series `[T, C]`, whose missing values are filled."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _learned(self, channels: Sequence[str]) -> None:
        """Sets the attributes that scikit-learn's users look for."""
        self.n_features_in_ = self.fitted_.layout.channels
        self.feature_names_in_ = np.array(channels, dtype=object)
        self.entities_ = tuple(member.entity for member in self.fitted_.members)
        setup = self.fitted_.setup
        spent = {"epsilon": setup.federated.epsilon, "delta": setup.federated.delta}
        self.privacy_ = spent if setup.pooling == "federated" else None
        self._learned_thresholds()

    def _watched(
        self, entities: int | Sequence[str] | None
    ) -> tuple[list[str] | None, list[int]]:
        """Names of what is watched, None for a single series, and their members."""
        known = [str(name) for name in self.entities_]
        several = len(known) > 1
        if entities is None:
            return (known if several else None), list(range(len(known)))
        if isinstance(entities, int):
            if several or entities < 1:
                right = f"names of some of the {len(known)} fitted on"
                right = right if several else "a number of series from 1 on"
                raise ValueError(f"{entities=}, expected {right}")
            return [f"series_{n}" for n in range(entities)], [0] * entities
        names = [str(name) for name in entities]
        odd = [name for name in names if several and name not in known]
        odd += [name for name in names if names.count(name) > 1]
        if odd or not names:
            shown = ", ".join(known[:8])
            raise ValueError(f"{entities=}, expected names, each once, such as {shown}")
        return names, [known.index(name) if several else 0 for name in names]

    def _setup(self) -> Setup:
        names = ("window", "stride", "score_stride", "aggregate", "pooling", "head")
        series: dict[str, Any] = {name: getattr(self, name) for name in names}
        series["head_options"] = mapping("head_options", self.head_options)
        given = mapping("federated_options", self.federated_options)
        series["federated"] = validation.make(Federated, given, "federated option")
        return Setup(**series, **self._fields(self.detector))
