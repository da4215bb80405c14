"""Options by declaration: what fits comes in as plain Python, the rest is one line."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from jaxtsad import validation
from jaxtsad.validation import Count, InnerShare, Positive, ShareBelowOne, Sign, Size

Seed = Annotated[int, Field(ge=0, title="Seed")]


@validation.config
class Inner:
    size: Size = 1
    free: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@validation.config
class Outer:
    size: Size
    share: ShareBelowOne = 0.5
    rate: Positive = 1.0
    count: Count | None = None
    sign: Sign = 1
    name: Literal["one", "two"] | None = None
    text: str = ""
    flag: bool = False
    channels: tuple[int | str, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    inner: Inner = dataclasses.field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.count == self.size:
            raise ValueError(f"count={self.count} must differ from size={self.size}")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": 0}, "size=0 must be a whole number of at least 1"),
        ({"size": True}, "size=True must be a whole number of at least 1"),
        ({"size": "3"}, "size='3' must be a whole number of at least 1"),
        ({"size": 2.5}, "size=2.5 must be a whole number of at least 1"),
        ({"size": 2.0}, "size=2.0 must be a whole number of at least 1"),
        ({"size": None}, "size=None must be a whole number of at least 1"),
        ({"size": 2**31}, "size=2147483648 must be a whole number from 1 to 21474836"),
        ({"size": 10**5000}, "must be a whole number from 1 to 2147483647"),
        ({"size": np.zeros((9, 9))}, "must be a whole number of at least 1"),
        ({"share": 1.0}, "share=1.0 must be in [0, 1)"),
        ({"share": np.nan}, "share=nan must be finite and in [0, 1)"),
        ({"rate": np.inf}, "rate=inf must be a finite number above 0"),
        ({"rate": True}, "rate=True must be a number above 0"),
        ({"rate": "1"}, "rate='1' must be a number above 0"),
        ({"count": -1}, "count=-1 must be a whole number of at least 0"),
        ({"count": 3}, "count=3 must differ from size=3"),
        ({"sign": True}, "sign=True is unknown; the choices are 1, -1"),
        ({"sign": 2}, "sign=2 is unknown; the choices are 1, -1"),
        ({"name": "six"}, "name='six' is unknown; the choices are one, two"),
        ({"name": ["one"]}, "name=('one',) is unknown; the choices are one, two"),
        ({"text": 3}, "text=3 must be text"),
        ({"flag": 1}, "flag=1 must be true or false"),
        ({"flag": "true"}, "flag='true' must be true or false"),
        ({"channels": "ab"}, "channels='ab' must be a list"),
        ({"channels": [1, 2.5]}, "channels[1]=2.5 must be a whole number or text"),
        ({"seeds": []}, "seeds=() must be a list of at least one seed"),
        ({"seeds": [0, -1]}, "seeds[1]=-1 must be a whole number of at least 0"),
        ({"inner": 3}, "inner=3 must be a table"),
        ({"sizes": 3}, "sizes is no option (did you mean size?); the choices are"),
    ],
)
def test_what_does_not_fit_is_one_line(values: dict, expected: str) -> None:
    with pytest.raises(ValueError) as raised:
        Outer(**{"size": 3, **values})
    assert expected in str(raised.value) and "\n" not in str(raised.value)
    assert raised.value.__cause__ is None and type(raised.value) is ValueError


def test_what_is_missing_or_by_position_is_named() -> None:
    with pytest.raises(ValueError, match=r"^size must be given$"):
        Outer()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"^share=2 must be in \[0, 1\)$"):
        Outer(3, 2)


def test_numpy_scalars_and_lists_become_plain() -> None:
    made = Outer(
        np.int64(20),  # type: ignore[arg-type]
        share=np.float32(0.25),
        rate=3,
        flag=np.bool_(True),
        text=np.str_("a"),
        seeds=[np.int32(1), 2],  # type: ignore[arg-type]
        inner=Inner(free={"a": [np.float64(1.5)], "b": np.inf}),
    )
    values = [getattr(made, field.name) for field in dataclasses.fields(made)]
    assert [type(value) for value in values[:3]] == [int, float, float]
    assert made.flag is True and type(made.text) is str
    assert made.seeds == (1, 2) and type(made.seeds[0]) is int
    assert made.inner.free == {"a": (1.5,), "b": np.inf}


def test_a_config_is_a_frozen_dataclass() -> None:
    @validation.config
    class Plain:
        size: Size
        share: ShareBelowOne = 0.5

    made = Plain(3)
    assert hash(made) == hash(Plain(3, 0.5)) and made == Plain(size=3)
    assert dataclasses.replace(made, size=4).size == 4
    with pytest.raises(ValueError, match=r"^size=0 must"):
        dataclasses.replace(made, size=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.size = 4  # type: ignore[misc]
    outer = Outer(3)
    assert pickle.loads(pickle.dumps(outer)) == outer == copy.deepcopy(outer)


def test_nested_mappings_are_made_and_named() -> None:
    made = validation.make(Outer, {"size": 2, "inner": {"size": 5}}, "config key")
    assert made == Outer(2, inner=Inner(5))
    for tree, expected in (
        ({"inner": {"size": 0}}, "inner.size=0 must be a whole number of at least 1"),
        (
            {"inner": {"sise": 1}},
            "inner.sise is no config key (did you mean inner.size?); the choices are "
            "inner.size, inner.free",
        ),
        ({"size": 2, "inner": 3}, "inner=3 must be a table"),
        ({}, "size must be given"),
    ):
        with pytest.raises(ValueError) as raised:
            validation.make(Outer, tree, "config key")
        assert str(raised.value) == expected


def test_options_of_a_function() -> None:
    @validation.options
    def scale(values: np.ndarray, q: InnerShare = 0.5, *, many: Size = 1) -> Any:
        return values * q, many

    found, many = scale(np.ones(2), many=np.int64(3))  # type: ignore[arg-type]
    assert found.tolist() == [0.5, 0.5] and type(many) is int
    with pytest.raises(ValueError, match=r"^q=1.5 must be in \(0, 1\)$"):
        scale(np.ones(2), 1.5)
    with pytest.raises(ValueError, match=r"^many=0 must be a whole number of at"):
        scale(np.ones(2), many=0)
    names = [field.name for field in dataclasses.fields(validation.options_of(scale))]
    assert names == ["q", "many"]


def test_the_schema_says_what_an_editor_completes() -> None:
    found = validation.schema(Outer)["properties"]
    assert found["share"]["minimum"] == 0 and found["share"]["exclusiveMaximum"] == 1
    assert found["name"]["anyOf"][0]["enum"] == ["one", "two"]


def test_importing_the_package_does_not_import_pydantic() -> None:
    command = "import sys, jaxtsad; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", command], check=True)
