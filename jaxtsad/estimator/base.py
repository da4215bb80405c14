"""What both estimators share: parameters, being fitted, saving, scikit-learn's tags."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from jaxtsad import detectors, export, validation
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.scoring import options as heads
from jaxtsad.pipeline import alarms, members, saving
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan

NESTED = ("options", "threshold_options", "head_options", "federated_options")
FILLED_IN = ("window", "channels", "layout")


class BaseDetector:
    """A detector by name with its parameters, which are stored unmodified.

    It is scikit-learn's estimator in all that scikit-learn asks of one, without its
    base class: importing that takes longer than loading and scoring do.

    Labels are 0 and 1, not scikit-learn's 1 and -1, and `decision_function` is higher
    where data is more anomalous; `score_samples` has scikit-learn's sign.
    """

    fitted_: members.Fitted

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name.

        Args:
            deep: Also the options of the detector, of the threshold and of the score
                head, those not given with their defaults, as `options__width`.
        """
        given = {name: getattr(self, name) for name in self._defaults()}
        if not deep:
            return given
        for outer, known in self._known_options().items():
            chosen = given[outer] if isinstance(given[outer], Mapping) else {}
            for inner, value in {**known, **chosen}.items():
                given[f"{outer}__{inner}"] = value
        return given

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; `options__width=8` sets one option and keeps the others.

        Raises:
            ValueError: If there is no such parameter. Options are checked in `fit`.
        """
        nested = {
            name: value
            for name, value in params.items()
            if name.partition("__")[0] in NESTED and "__" in name
        }
        plain = {name: params[name] for name in params if name not in nested}
        validation.check_names(
            plain, list(self._defaults()), f"parameter of {type(self).__name__}"
        )
        for name, value in plain.items():
            setattr(self, name, value)
        for name, value in nested.items():
            outer, _, inner = name.partition("__")
            setattr(self, outer, {**(getattr(self, outer) or {}), inner: value})
        return self

    def set_budget(
        self,
        alarms_per_1000: float = 1.0,
        *,
        alarms_per_day: float | None = None,
        steps_per_day: float | None = None,
    ) -> Self:
        """Sets the threshold by a budget of false events, without fitting again.

        Args:
            alarms_per_1000: False events in 1000 normal steps or samples.
            alarms_per_day: False events in a day; where given it counts instead.
            steps_per_day: Steps of a day; None: known from the time stamps of fit.

        Raises:
            ValueError: If a number is not positive, the length of a day in steps is
                not known, the detector is not fitted or was saved before there were
                budgets.
        """
        self._check_fitted()
        options: dict[str, Any] = {"alarms_per_1000": alarms_per_1000}
        if alarms_per_day is not None:
            options["alarms_per_day"] = alarms_per_day
        if steps_per_day is not None:
            options["steps_per_day"] = steps_per_day
        self.fitted_ = alarms.with_budget(self.fitted_, options)
        self.set_params(threshold="budget", threshold_options=options)
        self._learned_thresholds()
        return self

    def threshold_words(self) -> str | dict[str, str]:
        """What the threshold is, how many steps it was set on, what it will flag.

        Returns:
            A line such as "threshold 4.31, set on 1,150 steps; expect 0 to 3 false
            events a day", by nine chances in ten; by entity where there are several.
        """
        self._check_fitted()
        each = self.fitted_.members
        lines = [alarms.words(self.fitted_, place) for place in range(len(each))]
        if len(lines) == 1:
            return lines[0]
        return {str(m.entity): line for m, line in zip(each, lines, strict=True)}

    def _learned_thresholds(self) -> None:
        """Sets `threshold_`."""
        values = [threshold.value for threshold in self.fitted_.thresholds]
        names = [member.entity for member in self.fitted_.members]
        by_name = dict(zip(names, values, strict=True))
        self.threshold_ = values[0] if len(values) == 1 else by_name

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves to a folder: `model.safetensors` and `estimator.json`, no pickle.

        Raises:
            ValueError: If the detector is not fitted or the folder cannot be written;
                what was there stays as it was.
        """
        self._check_fitted()
        names = list(getattr(self, "feature_names_in_", ()))
        saving.save(path, self.fitted_, self.get_params(deep=False), names)

    def export(
        self,
        path: str | os.PathLike[str],
        formats: Sequence[str] = ("stablehlo",),
        *,
        entity: str | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Exports to a folder that scores without this package (`jaxtsad.export`).

        `python scorer.py data.csv` in it gives scores and flags, `--check` compares
        those of recorded inputs with this detector's.

        Args:
            path: The folder, new, empty or of an earlier export.
            formats: `stablehlo`, run by JAX, `onnx`, run by onnxruntime, or both.
            entity: Of several the one to export; None for all, each in a folder.

        Returns:
            By entity (or detector, of a single one) the parity certificate: the largest
            difference of a score from this detector's, by format.

        Raises:
            ValueError: If the detector is not fitted, cannot be exported in a format or
                scores otherwise there, the folder cannot be written, or it resamples
                or cuts at gaps, which an exported scorer does not.
        """
        self._check_fitted()
        for name in ("resample", "max_gap"):
            value = getattr(self, name, None)
            if value is not None:
                raise ValueError(
                    f"{name}={value!r} cannot be exported: a scorer takes even steps "
                    f"without time stamps; fit on such steps, without {name}"
                )
        names = list(getattr(self, "feature_names_in_", ()))
        return export.export(
            path,
            self.fitted_,
            names,
            formats=formats,
            entity=entity,
            missing=self._missing(),
        )

    def _missing(self) -> list[float]:
        """Numbers that stand for a missing value."""
        given = np.atleast_1d(getattr(self, "missing_values", None) or [])
        return [float(value) for value in given if not isinstance(value, str)]

    def __repr__(self) -> str:
        """The class with the parameters that are not their defaults."""
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, default in self._defaults().items()
            if repr(getattr(self, name)) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        """An outlier detector that needs no labels."""
        from sklearn.utils import Tags, TargetTags

        return Tags(
            estimator_type="outlier_detector", target_tags=TargetTags(required=False)
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def _check_fitted(self) -> None:
        if not hasattr(self, "fitted_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit first"
            )

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """The parameters' defaults by name."""
        given = inspect.signature(cls.__init__).parameters.values()
        return {each.name: each.default for each in given if each.name != "self"}

    def _known_options(self) -> dict[str, dict[str, Any]]:
        """Options of detector, threshold and head; none where one is unknown."""
        given: Any = self
        known: dict[str, dict[str, Any]] = {"options": {}, "threshold_options": {}}
        if isinstance(given.detector, str) and given.detector in detectors.available():
            options = detectors.options(given.detector)
            known["options"] = {
                name: default
                for name, default in options.items()
                if name not in FILLED_IN
            }
        if isinstance(given.threshold, str) and given.threshold in thresholds.KINDS:
            known["threshold_options"] = dict(thresholds.choices(given.threshold))
        if hasattr(given, "head_options"):
            kind = isinstance(given.head, str) and given.head in heads.KINDS
            known["head_options"] = heads.choices(given.head) if kind else {}
        if hasattr(given, "federated_options"):
            averaged = given.pooling == "federated"
            fields = dataclasses.asdict(Federated()) if averaged else {}
            known["federated_options"] = fields
        return known

    def _fields(self, detector: str) -> dict[str, Any]:
        """Parameters as the fields of a setup that both kinds of data have."""
        given: Any = self
        options = mapping("options", given.options)
        threshold_options = mapping("threshold_options", given.threshold_options)
        known = detectors.options(detector)
        for filled in FILLED_IN:
            if filled in options:
                raise ValueError(
                    f"options={{{filled!r}: {validation.shown(options[filled])}}}: the "
                    "data and the parameters decide this one; leave it out"
                )
        if given.batch_size is not None and "batch_size" in known:
            options["batch_size"] = given.batch_size
        if given.clip_gradients is not None:
            options["clip_gradients"] = given.clip_gradients
        return {
            "detector": detector,
            "options": options,
            "scaler": given.scaler,
            "clip_values": given.clip_values,
            "validation": given.validation,
            "batch_size": given.batch_size,
            "plan": Plan(
                epochs=given.epochs,
                stop=given.stop,
                patience=given.patience,
                schedule=given.schedule,
            ),
            "threshold": given.threshold,
            "threshold_options": threshold_options,
        }


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Options by name; none for None."""
    if value is not None and not isinstance(value, Mapping):
        shown = validation.shown(value)
        raise ValueError(f"{name}={shown} must be a mapping from names to values")
    return dict(value or {})
