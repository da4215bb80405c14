from __future__ import annotations

import numpy as np

from jaxtsad.evaluation.metrics import event
from jaxtsad.evaluation.segments import flags_of, segments
from jaxtsad.reporting import matching


def test_delay_counts_from_the_start_of_the_event():
    found = np.array([[5, 12], [30, 31], [50, 60]])
    looked = matching.true_events([(40, 45, "gap"), (10, 20, "drift"), (28, 33)], found)
    assert [(e.start, e.hit, e.delay) for e in looked] == [
        (10, True, 0),
        (28, True, 2),
        (40, False, None),
    ]


def test_touching_end_to_end_is_not_overlap():
    assert not matching.true_events([(10, 20)], np.array([[20, 25], [5, 10]]))[0].hit
    assert not matching.are_true(np.array([[20, 25]]), [(10, 20)]).any()


def test_nothing_found_and_nothing_true():
    assert matching.true_events([], np.zeros((0, 2))) == []
    assert matching.are_true(np.zeros((0, 2)), [(1, 2)]).shape == (0,)
    (missed,) = matching.true_events([[1, 2, "x"]], np.zeros((0, 2)))
    assert not missed.hit and missed.delay is None and missed.kind == "x"


def test_agrees_with_the_metrics():
    generator = np.random.default_rng(0)
    for _ in range(20):
        label = np.repeat(generator.random(40) < 0.2, 10)
        flags = np.repeat(generator.random(100) < 0.15, 4)
        looked = matching.true_events(segments(label).tolist(), segments(flags))
        alarms = ~matching.are_true(segments(flags), segments(label).tolist())
        counts = event.overlap_counts(label, flags)
        hits = [e for e in looked if e.hit]
        assert (len(hits), int(alarms.sum())) == (counts.tp, counts.fp)
        assert len(looked) - len(hits) == counts.fn
        if hits:
            mean = np.mean([e.delay for e in hits])
            assert mean == event.delay(label, flags)
        spans = np.array([(e.start, e.stop) for e in looked]).reshape(-1, 2)
        np.testing.assert_array_equal(flags_of(spans, len(label)), label)
