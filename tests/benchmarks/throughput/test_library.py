"""The clock runs over the library's own programs, and over all of them."""

from __future__ import annotations

import pytest

from benchmarks.throughput import library, sources
from benchmarks.throughput.timing import Work
from jaxtsad import detectors
from jaxtsad.training import fit, scoring

MEMBERS = 2
WINDOWS = 32


@pytest.fixture(scope="module", params=["zscore", "lstm_vae"])
def case(request):
    module = detectors.module(request.param)
    data = sources.stacked(module.TINY, WINDOWS, MEMBERS)
    return library.Case(module.build(module.TINY), data, 16, seconds=0.05)


def test_training_counts_the_windows_of_all_members(case, monkeypatch):
    advanced = []
    whole = fit.fit

    def counted(*arguments, **options):
        callbacks = options.pop("callbacks", fit.Callbacks())

        def status(now):
            advanced.append(now.epoch * now.steps + now.step)
            callbacks.status(now)

        spied = callbacks._replace(status=status)
        return whole(*arguments, **options, callbacks=spied)

    monkeypatch.setattr(fit, "fit", counted)
    contender = case.training()
    assert contender.warm() > 0
    advanced.clear()
    work = contender.run()
    assert work.seconds >= case.seconds
    if case.steps:
        assert work.windows == advanced[-1] * 16 * MEMBERS
    else:
        assert work.windows % (WINDOWS * MEMBERS) == 0 and work.windows > 0


def test_scoring_counts_the_windows_of_all_calls(case, monkeypatch):
    scored = []
    whole = scoring.run

    def counted(*arguments, **options):
        scored.append(options["counts"].sum())
        return whole(*arguments, **options)

    monkeypatch.setattr(scoring, "run", counted)
    contender = case.scoring()
    contender.warm()
    scored.clear()
    work = contender.run()
    assert work.seconds >= case.seconds
    assert work.windows == sum(scored) and isinstance(work, Work)


def test_training_that_diverges_is_not_timed():
    module = detectors.module("lstm_vae")
    data = sources.stacked(module.TINY, WINDOWS, MEMBERS)
    lost = data.with_arrays(values=data.values.at[:].set(float("nan")))
    case = library.Case(module.build(module.TINY), lost, 16, seconds=60.0)
    with pytest.raises(ValueError, match="training diverged"):
        case.training().run()
