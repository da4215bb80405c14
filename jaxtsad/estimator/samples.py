"""The scikit-learn style face for samples: images, table rows, whole windows."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, overload

import numpy as np

from jaxtsad import interactive
from jaxtsad.datasets.reading import containers, fills, marks
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.estimator.base import BaseDetector
from jaxtsad.interactive import Page
from jaxtsad.pipeline import alarms, fitting, inputs, inspection, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks
from jaxtsad.types import DataWarning, Split


class SampleDetector(BaseDetector):
    """Detects anomalies among independent samples with any detector by name.

    Samples are images `[N, H, W, C]`, table rows `[N, D]` or windows `[N, L, C]`. A
    detector that knows nothing of images or rows takes each as one step of all its
    numbers; `pca` on images is thus pixel-space PCA. Parameters are stored unmodified
    and checked in `fit`; what is learned ends in `_`.

    Args:
        detector: Name of the detector (`jaxtsad.detectors.available()`), or `auto`: the
            best at a cost of seconds, `iforest` for table rows and `pca` for images and
            windows.
        options: Options of the detector (`jaxtsad.detectors.options(name)`).
        scaler: `auto`, `pixels`, `symmetric`, `zscore`, `minmax` or `none`; see
            `datasets.preprocessing.fit_scaler`.
        clip_values: Standard deviations at which values are clipped, or None.
        validation: Share of the unlabelled samples kept, at random, for early stopping
            and for the threshold.
        threshold: Kind of threshold: `budget`, `quantile`, `gaussian`, `mad`, `iqr` or
            `pot`.
        threshold_options: Its options.
        epochs: At most this many epochs.
        batch_size: Samples per step and per scoring call; None for the detector's own.
        clip_gradients: The detector's option of that name, largest global norm of a
            gradient; None for its own.
        stop: What early stopping looks at: `loss` or `none`.
        patience: Epochs without improvement before training stops.
        schedule: `constant`, `halving`, `cosine` or `plateau`.
        seed: Seed of everything random.

    Attributes:
        detector_: Name of the detector that was fitted.
        n_features_in_: Numbers per sample.
        feature_names_in_: Column names, where a data frame was given.
        threshold_: The threshold.
        fitted_: The trained model.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> train, test = rng.normal(size=(300, 4)), rng.normal(size=(5, 4))
        >>> test[2] += 9
        >>> detector = SampleDetector().fit(train)
        >>> int(detector.decision_function(test).argmax())
        2
        >>> detector.predict(test).tolist()
        [0, 0, 1, 0, 0]
    """

    fitted_: members.Fitted

    def __init__(
        self,
        detector: str = "auto",
        *,
        options: Mapping[str, Any] | None = None,
        scaler: str = "auto",
        clip_values: float | None = None,
        validation: float = 0.2,
        threshold: str = "quantile",
        threshold_options: Mapping[str, Any] | None = None,
        epochs: int = 15,
        batch_size: int | None = None,
        clip_gradients: float | None = None,
        stop: str = "loss",
        patience: int = 3,
        schedule: str = "constant",
        seed: int = 0,
    ) -> None:
        self.detector = detector
        self.options = options
        self.scaler = scaler
        self.clip_values = clip_values
        self.validation = validation
        self.threshold = threshold
        self.threshold_options = threshold_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.clip_gradients = clip_gradients
        self.stop = stop
        self.patience = patience
        self.schedule = schedule
        self.seed = seed

    def fit(self, X: Any, y: Any = None, *, callbacks: Callbacks | None = None) -> Self:
        """Fits on training samples, most of which should be normal.

        Args:
            X: `[N, D]`, `[N, L, C]` or `[N, H, W, C]` array, or a data frame.
            y: `[N]` 1 for a known anomaly, 0 for unlabelled; or known anomalies as
                pairs (start, stop) of sample numbers; None for none. A detector that
                does not learn from labels leaves known anomalies out.
            callbacks: Whom training reports to.

        Raises:
            ValueError: If a parameter or the data is bad, in one line.
            DataWarning: A warning, where a column of rows likely holds a fill value.
        """
        given = _read(X)
        if len(given.values) < 2:
            raise ValueError("X holds 1 sample; fitting needs at least 2")
        if given.values.ndim == 2:
            notes = fills.of_rows(given.names, given.values)
            if notes:
                warnings.warn("; ".join(notes), DataWarning, stacklevel=2)
        known = None if y is None else _labels(y, len(given.values))
        detector = self.detector
        if detector == "auto":
            detector = "iforest" if given.values.ndim == 2 else "pca"
        self.fitted_ = fitting.fit(
            Setup(kind="samples", **self._fields(detector)),
            [("samples", given.values)],
            known=[known],
            seeds=(self.seed,),
            callbacks=callbacks,
        )
        self._learned(given.names)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """One finite score per sample, `[N]`; higher is more anomalous.

        Raises:
            ValueError: If the data is bad or the detector is not fitted.
        """
        part = self._part(X)
        return scoring.score(self.fitted_, [part])[0].values

    def score_samples(self, X: Any) -> np.ndarray:
        """The negative of `decision_function`, `[N]`: scikit-learn's sign.

        Higher is more normal, as in scikit-learn's own outlier detectors.
        """
        return -self.decision_function(X)

    @overload
    def predict(
        self, X: Any, *, return_confidence: Literal[False] = ...
    ) -> np.ndarray: ...
    @overload
    def predict(self, X: Any, *, return_confidence: bool) -> Any: ...
    def predict(self, X: Any, *, return_confidence: bool = False) -> Any:
        """Flags `[N]`: 1 where the score is above the threshold stored at fit.

        Args:
            X: Samples, as for `decision_function`.
            return_confidence: Also say how sure each flag is, `[N]`: the probability
                that it were the same with as many other calibration samples (see
                `evaluation.alarms.confidence`).

        Returns:
            Flags, or flags and confidence.
        """
        scores = self.decision_function(X)
        flags = self.fitted_.thresholds[0].flags(scores).astype(np.int64)
        if not return_confidence:
            return flags
        return flags, alarms.confidence(self.fitted_, 0, scores)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Where each score lies among those of normal samples, `[N, 2]`.

        The first column is the tail probability, the share of normal samples with a
        higher score; the second is 1 less that: .999 is reached by one normal sample
        in 1000. It is not the probability that a sample is anomalous, which depends on
        how many anomalies there are.
        """
        scores = self.decision_function(X)
        return alarms.probabilities(self.fitted_, 0, scores)

    def fit_predict(
        self, X: Any, y: Any = None, *, callbacks: Callbacks | None = None
    ) -> np.ndarray:
        """Fits and flags the same samples: `[N]` of 0 and 1."""
        return self.fit(X, y, callbacks=callbacks).predict(X)

    def explain(self, X: Any) -> np.ndarray:
        """Each number's part of the score, shaped like `X`; sums to the score.

        Raises:
            ValueError: If the detector offers no explanation.
        """
        part = self._part(X)
        return scoring.aggregated(self.fitted_, [part], "explain")[0]

    def inspect(self, X: Any) -> dict[str, np.ndarray]:
        """What else the detector says of each sample: codes, reconstructions, clusters.

        Raises:
            ValueError: If the detector offers nothing.
        """
        part = self._part(X)
        seen: dict[str, np.ndarray]
        seen = scoring.outputs(self.fitted_, [part], "inspect")[0]
        return seen

    def plot(self, X: Any, labels: Any = None, *, title: str = "samples") -> Page:
        """Samples as a page: a grid sorted by score, with reconstructions and marks.

        A notebook shows it; `save` writes it. Values are those that the detector sees,
        scaled. What is marked as an anomaly is saved as a file, a sample as an event of
        one step, and `fit(X, interactive.marks.known(file))` reads it.

        Args:
            X: Samples, as for `decision_function`.
            labels: `[N]` 1 for an anomaly, 0 for none; None for nothing.
            title: Of the page.

        Raises:
            ValueError: If the data is bad.
        """
        part = self._part(X)
        scores = scoring.score(self.fitted_, [part])[0].values
        known = None if labels is None else _labels(labels, len(scores))
        places = interactive.chosen(part.values, scores)
        shown = part.map(operator.itemgetter(places), ())
        made = inspection.reconstructions(self.fitted_, shown)
        seen = interactive.pictures(places, shown.values, made)
        threshold = self.fitted_.thresholds[0].value
        return interactive.samples(title, seen, scores, threshold, labels=known)

    def __sklearn_tags__(self) -> Any:
        """Rows, windows and images, finite; checked by scikit-learn's own checks."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _learned(self, names: Sequence[str]) -> None:
        """Sets the attributes that scikit-learn's users look for."""
        self.detector_ = self.fitted_.setup.detector
        self.n_features_in_ = int(np.prod(self.fitted_.layout.shape))
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._learned_thresholds()

    def _part(self, X: Any) -> Split:
        self._check_fitted()
        given = _read(X).ordered(getattr(self, "feature_names_in_", ()))
        shape, features = given.values.shape[1:], self.n_features_in_
        if given.values.ndim == 2 and shape != (features,):
            raise ValueError(
                f"samples have the shape {shape}, the model was trained on "
                f"{self.fitted_.layout.shape}: X has {shape[0]} features, but "
                f"{type(self).__name__} is expecting {features} features as input"
            )
        return members.test_part(self.fitted_, 0, "samples", given.values)


def _read(X: Any) -> inputs.NamedSamples:
    """Reads samples; what scikit-learn has words for is refused in them."""
    if hasattr(X, "toarray"):
        raise ValueError("X is sparse, which is not supported; pass X.toarray()")
    if hasattr(X, "lazy") or (isinstance(X, np.ndarray) and X.dtype.names):
        X = containers.as_frame(X)  # of polars, lazy or not, and records
    elif not hasattr(X, "columns") and not np.ma.isMaskedArray(X):
        X = np.asarray(X)
        if X.dtype.kind == "c":
            raise ValueError("Complex data not supported: X holds complex numbers")
        if X.ndim == 1:
            raise ValueError(
                f"samples have the shape {X.shape}; expected rows [N, D], windows "
                "[N, L, C] or images [N, H, W, C]. Reshape your data: X[None] is one "
                "sample"
            )
    if len(X.shape) == 2 and X.shape[1] == 0:
        raise ValueError(
            f"X has 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    return inputs.samples(X)


def _labels(y: Any, count: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim == 2 or not labels.size:
        events = Recording(np.empty((count, 0)), (), name="samples")
        return marks.steps(events, labels).astype(np.int64)
    if labels.shape != (count,):
        raise ValueError(f"{labels.shape=} of y, expected ({count},)")
    if not np.isin(labels, (0, 1)).all():
        odd = labels[~np.isin(labels, (0, 1))][0]
        raise ValueError(
            f"y holds {odd}; expected 1 for a known anomaly, 0 for unlabelled"
        )
    return labels.astype(np.int64)
