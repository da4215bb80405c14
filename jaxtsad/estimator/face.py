"""What both estimators share: being fitted, saving and a setup's common part."""

from __future__ import annotations

import os
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from jaxtsad.pipeline import members, saving
from jaxtsad.training.plan import Plan


class Face(BaseEstimator):
    """A detector by name with its parameters, which are stored unmodified."""

    fitted_: members.Fitted

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves to a folder: `model.safetensors` and `estimator.json`, no pickle.

        Raises:
            ValueError: If the detector is not fitted or the folder cannot be written;
                what was there stays as it was.
        """
        self._check_fitted()
        names = list(getattr(self, "feature_names_in_", ()))
        saving.save(path, self.fitted_, self.get_params(), names)

    def _check_fitted(self) -> None:
        if not hasattr(self, "fitted_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit first"
            )

    def _chosen(self) -> dict[str, Any]:
        """Parameters as the fields of a setup that both kinds of data have."""
        given: Any = self
        options = dict(given.options or {})
        if given.batch_size is not None:
            options["batch_size"] = given.batch_size
        return {
            "detector": given.detector,
            "options": options,
            "scaler": given.scaler,
            "clip_values": given.clip_values,
            "validation": given.validation,
            "plan": Plan(
                epochs=given.epochs,
                stop=given.stop,
                patience=given.patience,
                schedule=given.schedule,
            ),
            "threshold": given.threshold,
            "threshold_options": dict(given.threshold_options or {}),
        }
