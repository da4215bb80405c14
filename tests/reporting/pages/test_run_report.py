from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxtsad.reporting.pages import run_report
from tests.reporting import example, page_reader

ENTITIES = ("machine-1", 'pump <b>&"7"</b>')
LEAKS = ("Early stopping watched the test part.", "Labels chose <channels>.")


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "honest"
    report = example.write(folder, steps=1200, entities=ENTITIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "OPEN", 1)
        run_report.write(folder)
    return folder, report


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "leaking"
    report = example.write(
        folder,
        steps=1600,
        entities=("machine-1",),
        seeds=(3,),
        leaks=LEAKS,
        detectors=(example.DETECTOR, "zscore"),
    )
    run_report.write(folder)
    return folder, report


def page_of(folder):
    return page_reader.Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_whole_and_asks_for_nothing(honest):
    folder, _ = honest
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = page_reader.Page(text)
    assert text.startswith("<!doctype html>")
    assert page.count("svg") >= 10
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    for tag, attributes in page.attributes:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "action"):
            known = "#", "look_"  # Pages beside it, where somebody clicks.
            assert (attributes.get(name) or "#").startswith(known), (tag, attributes)
    assert "default-src 'none'" in text
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text).replace("http-equiv", "")


def test_drawings_are_xml_with_ids_of_their_own(honest):
    folder, _ = honest
    text = (folder / "report.html").read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    seen: set[str] = set()
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.attrib["aria-label"]
        ids = {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
        wanted = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', drawing))
        assert wanted <= ids
        assert not ids & seen
        seen |= ids
        assert len(drawing) < 200_000


def test_values_of_the_table_are_those_of_the_report(honest):
    folder, report = honest
    lines = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    records = json.loads((folder / "table.json").read_text())
    assert len(lines) == len(records) == len(report["rows"])
    by_name = {(r["detector"], r["entity"], str(r["seed"])): r for r in records}
    for line in lines:
        place = line["detector"], line["entity"], line["seed"]
        record = by_name[place]
        (row,) = (
            row
            for row in report["rows"]
            if (row["detector"], row["entity"], str(row["seed"])) == place
        )
        for key, value in row["metrics"].items():
            if np.isnan(value):
                assert record[key] is None and line[key] == "n/a"
            else:
                assert record[key] == value == float(line[key])
        assert record["threshold_value"] == row["threshold"]["value"]


def test_the_page_shows_the_means_over_seeds(honest):
    folder, report = honest
    page = page_of(folder)
    table = page.text(within="table", kind="results")
    for row in report["rows"]:
        shown = f"{row['metrics']['vus_pr']:.3f}"
        if row["seed"] == "mean":
            assert shown in table
    assert "48,210" in table
    (macro,) = (
        row
        for row in report["rows"]
        if row["entity"] == "macro" and row["detector"] == example.DETECTOR
    )
    tiles = page.text(kind="tiles")
    assert f"{macro['metrics']['vus_pr']:.3f}" in tiles
    assert f"{macro['metrics']['f1']:.3f}" in tiles


def overlap(event, truth):
    start, stop, _ = truth
    return int(event["start"]) < stop and int(event["stop"]) > start


def test_events_stand_beside_the_truth(honest):
    folder, _ = honest
    page = page_of(folder)
    lists = page.text(kind="pair")
    assert "300 to 339" in lists and "spike" in lists and "drift" in lists
    assert "2 of 2" in lists
    found = list(csv.DictReader(io.StringIO((folder / "events.csv").read_text())))
    own = [
        event
        for event in found
        if event["entity"] == "machine-1"
        and event["detector"] == example.DETECTOR
        and event["seed"] == "0"
    ]
    truth = [event for event in example.EVENTS["machine-1"] if event[0] < 1200]
    alarms = sum(not any(overlap(event, true) for true in truth) for event in own)
    hits = sum(any(overlap(event, true) for event in own) for true in truth)
    outcome = f"{hits} of 2 events found, {alarms} false alarm"
    assert outcome in page.text(kind="outcome")
    worst = max(own, key=lambda event: float(event["severity"]))
    assert f"{float(worst['severity']):.2f}" in lists


def test_names_from_data_stay_text(honest):
    folder, _ = honest
    page = page_of(folder)
    assert ENTITIES[0] in page.text(within="h3")
    assert ENTITIES[1] in page.text(within="summary")
    assert "2 of 2 events found" in page.text(within="summary")
    assert "flow <script>" in page.text(within="td")
    assert "flow <script>" in page.text(within="svg")
    assert "<i>odd</i>" in page.text(within="td")
    assert "<b>" not in (folder / "table.md").read_text()


def test_only_a_leaking_run_has_the_banner(honest, leaking):
    assert page_of(honest[0]).text(kind="banner") == ""
    banner = page_of(leaking[0]).text(kind="banner")
    assert "leak" in banner and "paper" in banner
    for leak in LEAKS:
        assert leak in banner


def test_a_leaking_run_says_so_on_every_row(leaking):
    folder, _ = leaking
    marks = page_of(folder).text(kind="results").count("protocol: paper")
    lines = (folder / "table.md").read_text().splitlines()[2:]
    rows = [line for line in lines if line.startswith("|")]
    assert marks == len(rows) == 4
    assert all("protocol: paper" in line for line in rows)


def test_point_adjusted_values_are_withheld_without_random(honest, leaking):
    folder, report = leaking
    assert report["rows"][0]["metrics"]["pa_f1"] == 0.91
    assert "withheld" in (folder / "table.md").read_text()
    assert "0.910" not in (folder / "table.md").read_text()
    lines = csv.DictReader(io.StringIO((folder / "table.csv").read_text()))
    assert {line["pa_f1"] for line in lines} == {"withheld"}
    records = json.loads((folder / "table.json").read_text())
    assert {record["pa_f1"] for record in records} == {"withheld"}
    table = page_of(folder).text(kind="results")
    assert "withheld" in table and "0.910" not in table
    assert "PA-F1 is withheld" in page_of(folder).text(kind="note")
    assert "0.910" in page_of(honest[0]).text(kind="results")


def test_writing_again_gives_the_same_files(leaking, tmp_path):
    folder, _ = leaking
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for name in ("report.html", "table.md", "table.csv", "table.json"):
        (copy / name).unlink()
    written = run_report.write(copy)
    assert [path.name for path in written] == [
        "report.html",
        "table.md",
        "table.csv",
        "table.json",
        "look_0.html",
    ]
    for path in written:
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert not [path for path in copy.iterdir() if path.name.startswith(".")]


def test_a_failed_write_leaves_the_old_report(leaking, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(leaking[0], copy)
    before = (copy / "report.html").read_bytes()
    (copy / "events.csv").write_text("entity,detector\n")
    with pytest.raises(ValueError, match="lacks the columns"):
        run_report.write(copy)
    assert (copy / "report.html").read_bytes() == before


def test_a_run_without_training_or_labels_has_a_report(tmp_path):
    example.write(tmp_path, steps=400, seeds=(0,), entities=("machine-2",))
    (tmp_path / "metrics.jsonl").unlink()
    with np.load(tmp_path / "scores.npz") as arrays:
        kept = {key: arrays[key] for key in arrays if not key.endswith("/label")}
    np.savez(tmp_path / "scores.npz", **kept)
    report = json.loads((tmp_path / "report.json").read_text())
    report |= {"rows": [], "verdicts": [], "main": example.DETECTOR}
    report["entities"][0]["events"] = []
    (tmp_path / "report.json").write_text(json.dumps(report))
    run_report.write(tmp_path)
    page = page_of(tmp_path)
    assert "events found, no labels" in page.text(kind="outcome")
    assert "no labels" in page.text(within="section")
    assert "Learning curves" not in page.text(within="h2")
    assert json.loads((tmp_path / "table.json").read_text()) == []


def test_samples_have_curves_and_no_time_axis(tmp_path):
    example.write(tmp_path, steps=400, seeds=(0,), entities=("machine-2",))
    example.as_samples(tmp_path)
    run_report.write(tmp_path)
    page = page_of(tmp_path)
    assert "Look at the samples" in page.text(within="section")
    assert (tmp_path / "look_0.html").is_file()
    drawn = page.text(within="svg")
    assert "Precision-recall" in drawn and "found" not in drawn
    assert "machine-2 (samples)" in page.text(kind="results")


def test_importing_loads_nothing_slow():
    code = (
        "import sys; from jaxtsad.reporting.pages import run_report; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'rich', 'flax')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_entity_has_a_page_to_look_closer(honest):
    folder, _ = honest
    report = (folder / "report.html").read_text(encoding="utf-8")
    for place, entity in enumerate(ENTITIES):
        assert f'href="look_{place}.html"' in report
        text = (folder / f"look_{place}.html").read_text(encoding="utf-8")
        assert "<b>" not in text.partition("<script>")[0]
        data = text.partition('id="about">')[2].partition("</script>")[0]
        about = json.loads(data)
        assert about["title"].endswith(entity)
        names = [one["name"] for one in about["scored"]]
        assert names[0] == example.DETECTOR and "random" in names
        assert about["steps"] == 1200 and about["labels"]
