"""The Anomaly Transformer's configs: every command in their headers is a good one."""

from __future__ import annotations

import re
import shlex

import pytest

from jaxtsad import detectors
from jaxtsad.datasets import places
from jaxtsad.experiments import toml

MODES = ("reference", "modified", "headwise")
SETS = ("msl", "smap", "smd", "psm")
NAMES = [f"anomaly_transformer_{mode}_{key}" for mode in MODES for key in SETS]


def header(name: str) -> str:
    """The comment at the top of a config."""
    lines = places.bundled("configs", f"{name}.toml").read_text().splitlines()
    return "\n".join(line[1:] for line in lines if line.startswith("#"))


@pytest.mark.parametrize("name", NAMES)
def test_headers_say_what_and_their_commands_run(name: str) -> None:
    text = header(name)
    for word in ("What it trains:", "Expected:", "Cost:", "Command:", "Full size:"):
        assert word in text
    path = places.bundled("configs", f"{name}.toml")
    commands = re.findall(
        r"jaxtsad run (\S+)\s+--data-root\s+DIR((?:\s+.*|\n {5}.*)*?)"
        r"(?=\n [A-Z]|\Z)",
        text,
    )
    assert len(commands) == text.count("jaxtsad run") >= 2
    for run, flags in commands:
        assert run == name
        config = toml.load(path, shlex.split(flags))
        sizes = {"window": config.window.length, "channels": 25}
        options = {**config.setup().options, **sizes}
        chosen = detectors.configure(config.detector.name, options)
        if flags:
            assert chosen.width == 512 and not config.data.entities
            assert chosen.layers == {"r": 3, "m": 2, "h": 8}[name.split("_")[2][0]]


def test_the_word_in_the_name_decides() -> None:
    loaded = {
        name: toml.load(places.bundled("configs", f"{name}.toml")) for name in NAMES
    }
    for name, config in loaded.items():
        mode, key = name.split("_")[2:]
        assert config.data.dataset == key and config.name == name
        paper = config.evaluation.protocol == "paper"
        assert paper == (mode == "reference")
        if mode == "headwise":
            assert config.detector.name.endswith("headwise")
            assert config.threshold.options["q"] == 0.7
        else:
            assert config.detector.options["mode"] == mode
