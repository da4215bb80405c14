from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from jaxtsad.reporting.tables import formats, layout, rows, terminal
from tests.reporting import page_reader


def row(detector, entity="a", seed=0, **metrics):
    return {
        "detector": detector,
        "entity": entity,
        "seed": seed,
        "level": "step",
        "protocol": "strict",
        "validation": "split",
        "metrics": metrics,
    }


def best(made, key):
    table = layout.build(made)
    place = [column.key for column in table.columns].index(key)
    return [
        line.row["detector"]
        for _, lines in table.groups
        for line in lines
        if line.cells[place].best
    ]


def test_columns_come_in_their_order():
    made = [row("x", windows_per_s=3.0, pa_f1=0.1, f1=0.5, vus_pr=0.2, delay=1.0)]
    keys = [column.key for column in layout.build(made).columns]
    assert keys == ["vus_pr", "f1", "pa_f1", "delay", "windows_per_s"]
    order = [column.key for column in layout.COLUMNS]
    assert order[:6] == ["vus_pr", "auc_pr", "auc_roc", "oracle_f1", "f1", "event_f1"]


def test_the_best_is_marked_within_its_entity_only():
    made = [
        row("x", "a", vus_pr=0.5, delay=3.0, oracle_f1=0.9),
        row("y", "a", vus_pr=0.4, delay=2.0, oracle_f1=0.8),
        row("x", "b", vus_pr=0.1, delay=math.nan, oracle_f1=0.9),
        row("y", "b", vus_pr=0.3, delay=5.0, oracle_f1=0.8),
    ]
    assert best(made, "vus_pr") == ["x", "y"]
    assert best(made, "delay") == ["y"]
    assert best(made, "oracle_f1") == []


def test_equal_to_a_reader_is_equally_good():
    made = [row("x", f1=0.50004), row("y", f1=0.50001), row("z", f1=0.4)]
    assert best(made, "f1") == ["x", "y"]


def test_point_adjusted_f1_is_never_best_and_needs_random():
    made = [row("x", pa_f1=0.9), row("y", pa_f1=0.8)]
    assert "withheld" in formats.markdown(made) and "0.9" not in formats.markdown(made)
    shown = [*made, row("random", pa_f1=0.95)]
    assert "0.950" in formats.markdown(shown) and "withheld" not in formats.markdown(
        shown
    )
    assert best(shown, "pa_f1") == []


def test_random_on_other_labels_does_not_count():
    made = [row("x", "a", pa_f1=0.9), row("random", "b", pa_f1=0.8)]
    text = formats.csv(made)
    assert "withheld" in text and "0.9" not in text and "0.8" in text


def test_random_without_a_value_does_not_count():
    made = [row("x", pa_f1=0.9), row("random", pa_f1=None, f1=0.2)]
    assert "0.900" not in formats.markdown(made)


def test_means_stand_for_their_seeds_in_the_table_and_all_rows_in_the_files():
    made = [row("x", seed=0, f1=0.4), row("x", seed=1, f1=0.6)]
    made.append({**row("x", seed="mean", f1=0.5), "sd": {"f1": 0.1}})
    assert "0.500 ± 0.100" in formats.markdown(made)
    assert "0.400" not in formats.markdown(made)
    assert [r["seed"] for r in json.loads(formats.json(made))] == [0, 1, "mean"]
    assert "seed 1" in formats.markdown(made[:2])


def test_macro_shows_its_interval_and_comes_last():
    made = [
        {**row("x", "macro", "mean", f1=0.5), "interval": {"f1": [0.4, 0.6]}},
        row("x", "a", f1=0.5),
        {**row("x", "pooled", "mean", f1=0.5), "interval": {"f1": [None, None]}},
    ]
    table = layout.build(made)
    assert [entity for entity, _ in table.groups] == ["a", "macro", "pooled"]
    assert "0.500 [0.400, 0.600]" in formats.markdown(made)


def test_missing_values_read_as_such_everywhere():
    made = [row("x", f1=math.nan, vus_pr=None, auc_pr=0.5)]
    assert "| n/a | 0.500 | n/a |" in formats.markdown(made)
    assert formats.csv(made).splitlines()[1].endswith("n/a,0.5,n/a")
    (record,) = json.loads(formats.json(made))
    assert record["f1"] is None and record["auc_pr"] == 0.5


def test_names_cannot_break_a_table():
    name = 'a|b <i>x</i> "q" `c`\nd'
    made = [row(name, name, f1=0.5)]
    (line,) = formats.markdown(made).splitlines()[2:]
    assert line.replace("\\|", "").count("|") == 5
    page = page_reader.Page(formats.html(made))
    assert name in page.text(within="th") and page.count("i") == 0
    (record,) = json.loads(formats.json(made))
    assert record["detector"] == name
    out = io.StringIO()
    terminal.show([row("[red]x[/]", f1=0.5)], Console(file=out, width=80))
    assert "[red]x[/]" in out.getvalue()


def test_baselines_are_marked_unless_the_run_is_about_them():
    made = [row("pca", f1=0.5), row("pca_smoothed", f1=0.5), row("mine", f1=0.4)]

    def kinds(main):
        attributes = page_reader.Page(formats.html(made, main)).attributes
        return [a["class"] for tag, a in attributes if tag == "tr" and "class" in a][1:]

    assert kinds("mine") == ["baseline", "baseline", "main"]
    assert kinds("pca") == ["main", "main", "main"]


@pytest.mark.parametrize("width", [60, 80, 120, 250])
def test_the_terminal_gets_what_fits_whole(width):
    names = [column.key for column in layout.COLUMNS]
    made = [
        row("a_detector_of_note", **dict.fromkeys(names, 0.5)),
        row("random", **dict.fromkeys(names, 0.25)),
    ]
    out = io.StringIO()
    terminal.show(made, Console(file=out, width=width))
    text = out.getvalue()
    assert "…" not in text and "VUS-PR" in text
    assert "a_detector_of_note" in text
    assert max(map(len, text.splitlines())) <= width
    assert ("more columns" in text) == (width < 200)


def test_rows_are_found_by_their_fields():
    made = [row("x", "a"), row("x", "b"), row("y", "a")]
    assert rows.find(made, detector="x", entity="b") is made[1]
    assert rows.find(made, detector="z") is None


def test_bars_in_a_cell_do_not_end_it() -> None:
    table = formats.piped(["row", "score"], [["|z|", "a\\|b"]], 1)
    assert table.splitlines()[-1] == r"| \|z\| | a\|b |"
