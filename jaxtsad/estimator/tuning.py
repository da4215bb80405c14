"""Hyper-parameters that change shapes, tuned without labels.

A width or a window makes another program of a detector, so that candidates cannot be
one fleet: optuna proposes them one by one (Akiba et al., "Optuna: A Next-generation
Hyperparameter Optimization Framework", KDD 2019) and they are judged as `choosing`
judges detectors, by faults put into held-out steps. A candidate is fitted on a quarter
of the steps first, and on all of them only where it is no worse than the middle one so
far; trials are kept in a file, if one is named, and go on from there.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from jaxtsad import validation
from jaxtsad.estimator import choosing
from jaxtsad.estimator.series import TimeSeriesDetector

Space: TypeAlias = Mapping[str, Sequence[Any] | tuple[float, float]]

SHARES = (0.25, 1.0)
"""Of the steps, the last so many are fitted on in a trial, one after the other."""
FIRST = 4
"""Trials that are never given up early, of which the middle one is known then."""
WIDE = 100
"""A range whose ends are so many times apart is searched by its logarithm."""


class Tuned(NamedTuple):
    """What was found.

    Attributes:
        detector: The best candidate, fitted on all of the data.
        parameters: Its parameters, as `TimeSeriesDetector.set_params` takes them.
        table: A row per trial: `trial`, `vus_pr` on injected faults (NaN where it was
            given up or its parameters do not fit the data), `state` and the parameters.
    """

    detector: TimeSeriesDetector
    parameters: Mapping[str, Any]
    table: pd.DataFrame


def tune(
    X: Any,
    space: Space,
    detector: TimeSeriesDetector | str = "lstm_autoencoder",
    *,
    trials: int = 20,
    path: str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> Tuned:
    """Tunes parameters of a detector for series that are mostly normal.

    Args:
        X: As `choosing.choose` takes it.
        space: By parameter, such as `window` or `options__hidden`, a list of choices
            or a tuple `(low, high)` of two ints or floats.
        detector: Its name, or one whose other parameters are kept.
        trials: How many candidates in all, those of an earlier run counted.
        path: File of trials, to go on from; None to keep none.
        seed: Of proposals, faults and detectors.

    Raises:
        ValueError: If optuna is not installed, a parameter, a range or the data is bad,
            no candidate fits, or the file is of another search.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> made = tune(rng.normal(size=(500, 2)), {"window": [8, 16]}, "ar", trials=2)
        >>> made.parameters["window"] in (8, 16), len(made.table)
        (True, 2)
    """
    optuna = _optuna()
    base = TimeSeriesDetector(detector) if isinstance(detector, str) else detector
    _check(base, space, trials)
    fit, copies = choosing.faults(X, seed)
    storage: Any = None
    if path is not None:
        journal = optuna.storages.journal
        storage = optuna.storages.JournalStorage(
            journal.JournalFileBackend(os.fspath(path))
        )
    study = optuna.create_study(
        storage=storage,
        study_name="jaxtsad",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(FIRST),
    )
    _same(study, base, space, seed, path)

    def judged(trial: Any) -> float:
        given = {name: _proposed(trial, name, of) for name, of in space.items()}
        candidate = _with(base, given, seed)
        value = 0.0
        for rung, share in enumerate(SHARES):
            part = {name: one[-int(share * len(one)) :] for name, one in fit.items()}
            value = float(choosing.found(candidate.fit(part), part, copies).mean())
            trial.report(value, rung)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    left = trials - sum(each.state.is_finished() for each in study.trials)
    if left > 0:
        study.optimize(judged, n_trials=left, catch=(ValueError,))
    table = _table(study)
    if table["vus_pr"].isna().all():
        raise ValueError(f"space={validation.shown(space)}: no candidate fits the data")
    found = dict(study.best_trial.params)
    return Tuned(_with(base, found, seed).fit(X), found, table)


def _optuna() -> Any:
    """The library, without its lines about every trial.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError:
        raise ValueError("tuning needs optuna: pip install 'jaxtsad[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _check(base: TimeSeriesDetector, space: Space, trials: int) -> None:
    if not isinstance(trials, int) or trials < 1:
        raise ValueError(f"trials={validation.shown(trials)} must be an int above 0")
    if not isinstance(space, Mapping) or not space:
        raise ValueError(
            f"space={validation.shown(space)} must be a mapping from parameters to "
            "choices or ranges"
        )
    known = [name for name in base.get_params() if name != "seed"]
    for name, of in space.items():
        validation.check_names([name], known, "parameter to tune")
        sound = isinstance(of, list | tuple) and len(of) > 0
        if isinstance(of, tuple):
            numbers = all(type(end) in (int, float) for end in of)
            sound = sound and len(of) == 2 and numbers and of[0] < of[1]
        if not sound:
            raise ValueError(
                f"space[{name!r}]={validation.shown(of)} must be a list of choices or "
                "a tuple (low, high) of numbers"
            )


def _same(
    study: Any, base: TimeSeriesDetector, space: Space, seed: int, path: Any
) -> None:
    """Refuses a file of trials that are of another search."""
    said = json.dumps([repr(base), list(map(repr, space.items())), seed])
    if study.user_attrs.get("search", said) != said:
        raise ValueError(f"path={os.fspath(path)!r} holds trials of another search")
    study.set_user_attr("search", said)


def _proposed(trial: Any, name: str, of: Sequence[Any]) -> Any:
    if isinstance(of, list):
        return trial.suggest_categorical(name, of)
    low, high = of
    log = low > 0 and high >= WIDE * low
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log)
    return trial.suggest_float(name, low, high, log=log)


def _with(
    base: TimeSeriesDetector, given: Mapping[str, Any], seed: int
) -> TimeSeriesDetector:
    made = TimeSeriesDetector(**base.get_params(deep=False))
    return made.set_params(**given, seed=seed)


def _table(study: Any) -> pd.DataFrame:
    rows = [
        {
            "trial": each.number,
            "vus_pr": each.value if each.state.name == "COMPLETE" else float("nan"),
            "state": each.state.name.lower(),
            **each.params,
        }
        for each in study.trials
    ]
    return pd.DataFrame(rows)
