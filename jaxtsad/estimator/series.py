"""The scikit-learn style face: fit, decision_function, predict, events, explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, overload

import numpy as np

from jaxtsad import validation
from jaxtsad.estimator import results
from jaxtsad.estimator.base import mapping
from jaxtsad.estimator.live import LiveDetector
from jaxtsad.estimator.series_scoring import Recordings, Several
from jaxtsad.pipeline import fitting, inputs, labels, members
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.federated import Federated
from jaxtsad.training.fit import Callbacks


class TimeSeriesDetector(LiveDetector):
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
        shortest: Consecutive steps above the threshold that an event needs.
        cool_down: Steps after an event in which no other opens.
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
        threshold: str = "budget",
        threshold_options: Mapping[str, Any] | None = None,
        shortest: int = 1,
        cool_down: int = 0,
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
        self.shortest = shortest
        self.cool_down = cool_down
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

    def _setup(self) -> Setup:
        names = "window stride score_stride aggregate pooling head shortest cool_down"
        series: dict[str, Any] = {name: getattr(self, name) for name in names.split()}
        series["head_options"] = mapping("head_options", self.head_options)
        given = mapping("federated_options", self.federated_options)
        series["federated"] = validation.make(Federated, given, "federated option")
        return Setup(**series, **self._fields(self.detector))
