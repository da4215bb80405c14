"""Flags by which a file is read: every advice exists, every option has one."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re

import jaxtsad
from jaxtsad.cli import flags
from jaxtsad.datasets.reading import tabular

READING = pathlib.Path(jaxtsad.__file__).parent / "datasets" / "reading"


def known() -> set[str]:
    parser = argparse.ArgumentParser()
    flags.add(parser)
    return {word for action in parser._actions for word in action.option_strings}


def test_every_flag_that_an_error_names_exists() -> None:
    named = set()
    for path in READING.glob("*.py"):
        named |= set(re.findall(r"--[a-z][a-z-]+", path.read_text()))
    assert len(named) > 8 and named <= known(), named - known()


def test_every_option_of_reading_is_a_flag() -> None:
    options = {field.name for field in dataclasses.fields(tabular.Options)}
    assert options == set(flags.NAMES)
    assert {f"--{name.replace('_', '-')}" for name in options} <= known()


def test_a_value_that_begins_with_a_minus_belongs_to_its_flag() -> None:
    parser = argparse.ArgumentParser()
    flags.add(parser)
    for words in (["--missing", "-999,9.97e36"], ["--missing=-999,9.97e36"]):
        read = parser.parse_args(flags.joined(words))
        assert read.missing == ["-999,9.97e36"]
