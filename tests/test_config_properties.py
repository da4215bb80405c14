"""Every option of every config: what is wrong is named in one line, what fits comes in.

The strategies are drawn from the JSON schema of a config, so that a new option is
tested as soon as it is declared.
"""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import detectors, validation
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.thresholds.dynamic_inputs import Options
from jaxtsad.experiments import config, toml
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

SECTIONS = (config.Data, config.Window, config.DetectorChoice, config.Training)
SECTIONS += (config.SampleCut, config.Threshold, config.Evaluation)
KINDS: dict[str, Any] = {
    **{name: detectors.module(name).Config for name in detectors.available()},
    **{
        f"threshold {kind}": validation.options_of(function)
        for kind, function in thresholds.KINDS.items()
    },
    **{kind.__name__: kind for kind in (Plan, Setup, Options, *SECTIONS)},
}
SIZES = {"window": 8, "channels": 3, "detector": "pca"}
FIELDS = [
    (name, field.name)
    for name, kind in KINDS.items()
    for field in dataclasses.fields(kind)
]


def required(kind: Any) -> dict[str, Any]:
    return {key: SIZES[key] for key in validation.schema(kind).get("required", ())}


def part_of(kind: Any, field: str) -> dict[str, Any]:
    """The schema of a field, of what it is where it is not None."""
    part = validation.schema(kind)["properties"][field]
    some = [p for p in part.get("anyOf", ()) if p.get("type") != "null"]
    return some[0] if some else part


def wrong(part: dict[str, Any]) -> list[Any]:
    """Values of a wrong type or out of range."""
    bad: list[Any] = [object(), b"bytes", {1, 2}, 1j, np.zeros(2)]
    kind = part.get("type")
    if kind != "string":
        bad += ["", "true", "\n", "1"]
    if kind in ("string", "array", "object", "boolean") or "enum" in part:
        bad += [2, 2.5, float("nan"), np.float32(3.5), 10**30]
    if kind in ("integer", "number"):
        bad += [True, np.bool_(False), [1], {}, float("nan"), float("inf"), "1"]
        bad += [10**400, np.float64("-inf"), np.str_("3")]
        if kind == "integer":
            bad += [2.5, 2.0, np.float32(2.0), 10**30, -(10**30)]
        if "minimum" in part:
            bad.append(part["minimum"] - 1)
        if "exclusiveMinimum" in part:
            bad += [part["exclusiveMinimum"], part["exclusiveMinimum"] - 1]
        if "maximum" in part:
            bad.append(part["maximum"] + 1)
        if "exclusiveMaximum" in part:
            bad += [part["exclusiveMaximum"], part["exclusiveMaximum"] + 1]
    if "enum" in part:
        bad += ["no such choice", True]
    if kind == "array":
        bad += [[b"bytes"], "text"]
    return bad


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=str)
def test_what_is_wrong_is_one_line_naming_the_option(name: str, field: str) -> None:
    kind = KINDS[name]
    for value in wrong(part_of(kind, field)):
        with pytest.raises(ValueError) as raised:
            kind(**{**required(kind), field: value})
        text = str(raised.value)
        assert text.startswith((f"{field}=", f"{field}[0]=")), text
        assert "\n" not in text and len(text) < 400
        assert any(word in text for word in (" must be ", "the choices are")), text


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=str)
def test_numpy_values_come_in_as_plain_ones(name: str, field: str) -> None:
    kind = KINDS[name]
    default = getattr(kind(**required(kind)), field)
    by_type: dict[type, tuple[Any, ...]] = {
        bool: (np.bool_,),
        int: (np.int64, np.uint32, np.int32) if default is not None else (),
        float: (np.float64,),
        str: (np.str_,),
        tuple: (list,),
    }
    for make in by_type.get(type(default), ()):
        if make is np.uint32 and default < 0:
            continue
        made = getattr(kind(**{**required(kind), field: make(default)}), field)
        assert made == default and type(made) is type(default)


@pytest.mark.parametrize("name", KINDS)
def test_unknown_options_list_the_choices(name: str) -> None:
    kind = KINDS[name]
    first = dataclasses.fields(kind)[0].name
    with pytest.raises(ValueError, match=rf"^no_such is no option; .* are {first}"):
        kind(**required(kind), no_such=1)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "🚀 pump", 'a "quoted" \\ name', "two\nlines\r\n", "'''", "\x00\x7f\t", "a.b"]
)
NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    TEXT | NUMBERS | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    name=TEXT,
    entities=st.lists(TEXT, max_size=3),
    options=st.dictionaries(TEXT, VALUES, max_size=3),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
    rate=st.floats(0, 1e300),
)
def test_what_is_written_is_read(
    name: str, entities: list, options: dict, seeds: list, rate: float
) -> None:
    made = config.Config(
        name=name,
        data=config.Data(entities=entities, root=name, options=options),
        training=config.Training(seeds=seeds, clip_gradients=rate),
    )
    text = toml.dump(made)
    assert toml.parse(tomllib.loads(text)) == made


def test_infinity_and_what_is_left_out_are_read_again() -> None:
    options = {"limit": float("inf"), "list": [1, float("-inf")], "nothing": None}
    made = config.Config(data=config.Data(options=options))
    again = toml.parse(tomllib.loads(toml.dump(made)))
    assert again.data.options == {"limit": float("inf"), "list": (1, float("-inf"))}
