"""Configs as TOML: read, overridden by dotted flags, and written back."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import tomllib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtsad.experiments.config import Config


def load(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Reads a config file and applies dotted overrides.

    Args:
        path: A TOML file.
        overrides: Flags and values in turn, such as `--training.epochs 3`.

    Raises:
        ValueError: If the file is missing or no TOML, a key is unknown, or a value is
            of the wrong type.
    """
    try:
        tree = tomllib.loads(pathlib.Path(path).read_text())
    except FileNotFoundError:
        raise ValueError(f"there is no config file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"config {str(path)!r} is no readable TOML: {error}") from None
    for key, value in _pairs(overrides):
        _put(tree, key, value)
    return parse(tree)


def parse(tree: Mapping[str, Any]) -> Config:
    """Makes a config of nested mappings; unknown keys are fatal.

    Example:
        >>> parse({"training": {"epochs": 3}}).training.epochs
        3
    """
    config = _build(Config, tree, "")
    assert isinstance(config, Config)
    return config


def dump(config: Config) -> str:
    """A config as TOML that `load` reads back.

    Example:
        >>> parse(tomllib.loads(dump(Config()))) == Config()
        True
    """
    tree = dataclasses.asdict(config)
    lines = [f"{key} = {_toml(v)}" for key, v in tree.items() if not _is_table(v)]
    for section, table in tree.items():
        if _is_table(table):
            lines += ["", *_table(section, table)]
    return "\n".join(lines) + "\n"


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """Reads `name=value` texts, values as in TOML.

    Raises:
        ValueError: If a text has no `=`.

    Example:
        >>> assignments(["width=64", "score=reconstruction"])
        {'width': 64, 'score': 'reconstruction'}
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} must be NAME=VALUE")
        found[name] = _value(value)
    return found


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    lines = [f"[{name}]"]
    lines += [f"{key} = {_toml(v)}" for key, v in table.items() if not _is_table(v)]
    for key, value in table.items():
        if _is_table(value) and value:
            lines += ["", *_table(f"{name}.{key}", value)]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def _pairs(flags: Sequence[str]) -> list[tuple[str, Any]]:
    pairs = []
    rest = list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--") or len(flag) < 3:
            raise ValueError(f"{flag!r} is no override; write --training.epochs 3")
        key, equals, text = flag[2:].partition("=")
        if not equals:
            if not rest:
                raise ValueError(f"{flag} needs a value")
            text = rest.pop(0)
        pairs.append((key, _value(text)))
    return pairs


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is none (a bare word)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ValueError(f"--{key}: {parent} is a value, not a table")
    tree[last] = value


def _build(kind: type, tree: Mapping[str, Any], where: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in tree:
        if key not in fields:
            raise ValueError(
                f"{where}{key} is no config key; the choices are "
                + ", ".join(where + name for name in fields)
            )
    values = {}
    for key, value in tree.items():
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ValueError(f"{where}{key}={value!r} must be a table")
            values[key] = _build(typing.cast(type, hint), value, f"{where}{key}.")
        else:
            values[key] = _typed(value, hint, f"{where}{key}")
    return kind(**values)


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_typed(one, item, where) for one in items)
    if origin is not None:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}={value!r} must be a table")
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{where}={value!r} must be of type {hint.__name__}")
    return value
