"""The commands that pages give for their figures are ones that can be typed."""

from __future__ import annotations

import importlib.util
import pathlib
import re
import shlex
from collections.abc import Iterator

import pytest

from benchmarks import __main__ as throughput
from benchmarks.studies import study

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "benchmarks").rglob("*.md"))]
COMMAND = re.compile(
    r"^ +(python -m benchmarks[^#\n]*)|`(python\s+-m\s+benchmarks[^`]*)`", re.MULTILINE
)
STUDIES = "benchmarks.studies."


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command, those in blocks and those within lines."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for block, inline in COMMAND.findall(joined):
        yield shlex.split(block or inline)


def test_commands_are_found_in_blocks_and_lines():
    text = """
    python -m benchmarks --suite \\
        start  # why

or `python -m
benchmarks` or `python -m benchmarks --quick`.
"""
    assert [words[3:] for words in commands(text)] == [
        ["--suite", "start"],
        [],
        ["--quick"],
    ]


@pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)
def test_every_command_on_a_page_is_taken_by_its_parser(page: pathlib.Path):
    """But for `NAME`, which stands for any; a parser ends the test where it refuses."""
    for _, _, module, *words in commands(page.read_text()):
        if module == "benchmarks":
            throughput.parser().parse_args(words)
        elif module.startswith(STUDIES) and not module.endswith("NAME"):
            study.parser(_study(module)).parse_args(words)


def _study(module: str) -> study.Study:
    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    package = spec.submodule_search_locations
    found: study.Study = importlib.import_module(
        f"{module}.__main__" if package else module
    ).STUDY
    return found
