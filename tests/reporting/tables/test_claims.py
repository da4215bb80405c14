from __future__ import annotations

from jaxtsad.reporting.tables import claims
from tests.reporting import page_reader


def lines(rows=(), verdicts=()):
    return claims.lines({"rows": rows, "verdicts": verdicts}, "mine")


def claim(against, text, metric="vus_pr", low=0.1):
    difference = {"mean": 0.2, "sd": 0.1, "low": low, "high": 0.3, "n": 7}
    return {
        "metric": metric,
        "against": against,
        "text": text,
        "difference": difference,
    }


def row(detector, value, entity="a"):
    return {
        "detector": detector,
        "entity": entity,
        "seed": "mean",
        "metrics": {"vus_pr": value},
    }


def test_claims_on_the_main_metric_become_one_sentence():
    made = lines(
        verdicts=[
            claim("random", "better than random"),
            claim("pca", "not distinguishable"),
            claim("zscore", "better than zscore"),
            claim("knn", "worse than knn"),
            claim("random", "worse than random", metric="delay"),
        ]
    )
    assert made == [
        "On VUS-PR over 7 entities, mine is better than random and zscore; not "
        "distinguishable from pca; worse than knn."
    ]


def test_without_claims_the_numbers_are_listed():
    made = lines(
        rows=[
            row("mine", 0.5),
            row("random", 0.1),
            row("pca", 0.4),
            row("zscore", 0.3),
            row("pca", 0.45, "macro"),
            row("mine", 0.55, "macro"),
        ]
    )
    assert made == [
        "mine reaches VUS-PR 0.550, a random score 0.100 and the best baseline (pca) "
        "0.450."
    ]


def test_nothing_is_claimed_of_nothing():
    assert lines() == []
    assert lines(rows=[row("mine", None)]) == []
    assert claims.table({}) == ""


def test_sentences_are_taken_as_they_are():
    assert lines(verdicts=["It works."]) == ["It works."]


def test_the_table_has_every_claim_with_its_interval():
    made = {
        "verdicts": [
            claim("<pca>", "better than <pca>"),
            claim("x", "not distinguishable", metric="delay", low=None),
        ]
    }
    page = page_reader.Page(claims.table(made))
    text = page.text(within="td")
    assert "better than <pca>" in text and "[+0.100, +0.300]" in text
    assert "delay" in text and page.count("tr") == 3
