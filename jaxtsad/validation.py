"""Options by declaration: types, ranges and choices stand in the annotation alone.

`config` makes a class a frozen, hashable dataclass whose values are checked when it is
made; `options` checks the options of a function. A value that does not fit raises a
ValueError of one line that names the option, its value and what would be right; the
line is read off the annotation, as `schema` is.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import functools
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import numpy as np
import pydantic
from pydantic import BeforeValidator, ConfigDict, Field

MOST = 2**31 - 1


def _whole(value: Any) -> Any:
    """Refuses what only equals a whole number, such as True or 1.0."""
    if type(value) is not int:
        raise ValueError
    return value


Size = Annotated[int, Field(ge=1, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
ShareAboveZero = Annotated[float, Field(gt=0, le=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
Sign = Annotated[Literal[1, -1], BeforeValidator(_whole)]

# A line of a docstring's attributes, with the lines that go on with it.
ATTRIBUTE = r"^    (\w+): (.*(?:\n     .*)*)"
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

T = TypeVar("T")
P = ParamSpec("P")


@typing.dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def config(cls: type[T]) -> type[T]:
    """Makes a class a frozen dataclass that checks its values.

    A bool is no number and text is neither; numbers are finite. A whole number may
    stand for a float. NumPy scalars become Python's and lists become tuples.

    Args:
        cls: A class with annotated fields; checks of several fields together are in
            its `__post_init__`, which raises ValueError.

    Returns:
        The class, whose instances raise ValueError when they are made.

    Example:
        >>> @config
        ... class Options:
        ...     layers: Size = 2
        >>> Options(layers=0)
        Traceback (most recent call last):
        ValueError: layers=0 must be a whole number of at least 1
    """
    made = pydantic.dataclasses.dataclass(cls, frozen=True, config=STRICT)
    checked = made.__init__

    @functools.wraps(checked)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        try:
            checked(
                self,
                *(plain(value) for value in values),
                **{name: plain(value) for name, value in named.items()},
            )
        except pydantic.ValidationError as error:
            raise ValueError(line(error, made)) from None

    setattr(made, "__init__", __init__)  # noqa: B010
    return typing.cast(type[T], made)


def options(function: Callable[P, T]) -> Callable[P, T]:
    """Checks the options of a function, its parameters with a default, by annotation.

    Example:
        >>> @options
        ... def above(scores: np.ndarray, q: InnerShare = 0.5) -> int:
        ...     return int((scores > q).sum())
        >>> above(np.ones(3), q=2)
        Traceback (most recent call last):
        ValueError: q=2 must be in (0, 1)
    """
    signature = inspect.signature(function)
    kind = options_of(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        given = {
            name: bound.arguments[name]
            for name in signature.parameters
            if name in bound.arguments and name in kind.__dataclass_fields__
        }
        values = kind(**given)
        bound.arguments.update({name: getattr(values, name) for name in given})
        return function(*bound.args, **bound.kwargs)

    return checked


@functools.cache
def options_of(function: Callable[..., Any]) -> Any:
    """The options of a function, its parameters with a default, as a config class."""
    function = inspect.unwrap(function)
    hints = typing.get_type_hints(function, include_extras=True)
    name = f"{function.__module__}.{function.__qualname__}"
    made = type(name, (), {"__module__": function.__module__, "__annotations__": {}})
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            made.__annotations__[parameter.name] = hints[parameter.name]
            setattr(made, parameter.name, parameter.default)
    return config(made)


def make(kind: type[T], values: Mapping[str, Any], what: str, where: str = "") -> T:
    """Makes a config of nested mappings; unknown keys are fatal.

    Args:
        kind: A class made by `config`.
        values: Its fields; those that are configs themselves may be mappings.
        what: What a key is called, such as "config key".
        where: What a name begins with, such as "training.".

    Raises:
        ValueError: Naming the key, its value and what would be right.
    """
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(typing.cast(Any, kind))]
    check_names(list(values), names, what, where)
    made = {
        name: make(hints[name], value, what, f"{where}{name}.")
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping)
        else value
        for name, value in values.items()
    }
    try:
        return kind(**made)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def check_names(
    names: Iterable[str], choices: Sequence[str], what: str, where: str = ""
) -> None:
    """Raises for the first name that is not among the choices.

    Args:
        names: Names; where it is a mapping, its values are shown.
        choices: What is known.
        what: What a name is called, such as "option".
        where: What every name begins with.

    Raises:
        ValueError: Naming it, the nearest choice and all choices.

    Example:
        >>> check_names(["layer"], ["layers", "width"], "option")
        Traceback (most recent call last):
        ValueError: layer is no option (did you mean layers?); the choices are \
layers, width
    """
    for name in names:
        if name not in choices:
            near = difflib.get_close_matches(str(name), choices, 1)
            hint = f" (did you mean {where}{near[0]}?)" if near else ""
            listed = ", ".join(where + choice for choice in choices)
            value = f"={shown(names[name])}" if isinstance(names, Mapping) else ""
            raise ValueError(
                f"{where}{name}{value} is no {what}{hint}; the choices are {listed}"
            )


def plain(value: Any) -> Any:
    """A value with Python's scalars for NumPy's and tuples for lists, at any depth.

    Example:
        >>> plain([np.int64(3), {"a": np.bool_(True)}])
        (3, {'a': True})
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (list, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a config class, by which an editor completes its TOML.

    What the docstrings say of an attribute is its description.
    """
    made = copy.deepcopy(_schema(kind))
    for nested in _nested(kind):
        part = made if nested is kind else made["$defs"][nested.__name__]
        part["description"] = _text(nested).partition("\n\n")[0]
        for base in reversed(nested.__mro__):
            attributes = _text(base).partition("\nAttributes:\n")[2].partition("\n\n")
            for name, words in re.findall(ATTRIBUTE, attributes[0], re.MULTILINE):
                if name in part["properties"]:
                    part["properties"][name]["description"] = " ".join(words.split())
    return made


@functools.cache
def _schema(kind: Any) -> dict[str, Any]:
    return pydantic.TypeAdapter(kind).json_schema()


def _nested(kind: Any) -> list[Any]:
    """A config class and those of its fields."""
    hints = typing.get_type_hints(kind).values()
    inner = [_nested(hint) for hint in hints if dataclasses.is_dataclass(hint)]
    return [kind, *itertools.chain.from_iterable(inner)]


def _text(kind: Any) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def line(error: pydantic.ValidationError, kind: Any) -> str:
    """The first thing wrong, in one line."""
    first = error.errors(include_url=False)[0]
    names = list(kind.__dataclass_fields__)
    if first["type"] == "unexpected_keyword_argument":
        try:
            check_names([str(first["loc"][-1])], names, "option")
        except ValueError as unknown:
            return str(unknown)
    if first["type"] == "value_error" and not first["loc"]:
        return str(first["ctx"]["error"])
    if not first["loc"]:
        return str(first["msg"])
    head, *rest = first["loc"]
    name = names[head] if isinstance(head, int) else head
    if first["type"] == "missing":
        return f"{name} must be given"
    whole = _schema(kind)
    part = whole["properties"][name]
    for step in rest:
        inner = _item(_resolved(part, whole), step)
        if inner is None:
            break
        part = inner
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
    return f"{name}={shown(first['input'])} {_right(part, whole, first['type'])}"


def shown(value: Any) -> str:
    """A value as an error line shows it, at most 80 letters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4300 digits.
        text = "(a number of thousands of digits)"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _resolved(part: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference, or a choice of something or nothing, stands for."""
    if "$ref" in part:
        return typing.cast(
            Mapping[str, Any], whole["$defs"][part["$ref"].rsplit("/")[-1]]
        )
    some = [p for p in part.get("anyOf", ()) if p.get("type") != "null"]
    return _resolved(some[0], whole) if len(some) == 1 else part


def _item(part: Mapping[str, Any], step: int | str) -> Mapping[str, Any] | None:
    if isinstance(step, str):
        found = part.get("properties", {}).get(step)
    else:
        places = part.get("prefixItems", ())
        found = places[step] if step < len(places) else part.get("items")
    return typing.cast("Mapping[str, Any] | None", found)


def _right(part: Mapping[str, Any], whole: Mapping[str, Any], error: str) -> str:
    """What would be right, after the name and the value of an option."""
    part = _resolved(part, whole)
    choices = part.get("enum", [part["const"]] if "const" in part else None)
    if choices is not None:
        return f"is unknown; the choices are {', '.join(map(str, choices))}"
    return f"must be {_noun(part, whole, error)}"


def _noun(part: Mapping[str, Any], whole: Mapping[str, Any], error: str = "") -> str:
    part = _resolved(part, whole)
    if "anyOf" in part:
        return " or ".join(_noun(p, whole) for p in part["anyOf"])
    kind = part.get("type")
    if kind in ("integer", "number"):
        return _number(part, error)
    if kind == "array":
        least = part.get("minItems", 0)
        item = part.get("items", {}).get("title", "value").lower()
        if "maxItems" in part:
            return f"a list of {least} values"
        if error.startswith("too_") and least:
            return f"a list of at least {'one' if least == 1 else least} {item}"
        return "a list"
    nouns = {"string": "text", "boolean": "true or false", "object": "a table"}
    return nouns.get(str(kind), "of another type")


def _number(part: Mapping[str, Any], error: str) -> str:
    least, above = part.get("minimum"), part.get("exclusiveMinimum")
    most, below = part.get("maximum"), part.get("exclusiveMaximum")
    whole = part["type"] == "integer"
    if most == MOST and error != "less_than_equal":
        most = None
    low = least if least is not None else above
    high = most if most is not None else below
    if low is not None and high is not None:
        if whole:
            return f"a whole number from {low} to {high}"
        span = f"{'[' if above is None else '('}{low:g}, {high:g}"
        span += "]" if below is None else ")"
        return f"finite and in {span}" if error == "finite_number" else f"in {span}"
    noun = "a whole number" if whole else "a number"
    if error == "finite_number":
        noun = "a finite number"
    if low is not None:
        return f"{noun} {'above' if least is None else 'of at least'} {low:g}"
    if high is not None:
        return f"{noun} {'below' if most is None else 'of at most'} {high:g}"
    return noun
