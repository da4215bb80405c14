"""Configs as TOML: read, overridden by dotted flags, and written back."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tomllib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from jaxtsad import validation
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
        tree = tomllib.loads(pathlib.Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no config file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"config {str(path)!r} is no readable TOML: {error}") from None
    for key, text in _pairs(overrides):
        _put(tree, key, _meant(key, text))
    return parse(tree)


def parse(tree: Mapping[str, Any]) -> Config:
    """Makes a config of nested mappings; unknown keys are fatal.

    Example:
        >>> parse({"training": {"epochs": 3}}).training.epochs
        3
    """
    return validation.make(Config, tree, "config key")


def dump(config: Config) -> str:
    """A config as TOML that `load` reads back.

    Example:
        >>> parse(tomllib.loads(dump(Config()))) == Config()
        True
    """
    return tomli_w.dumps(_without_none(dataclasses.asdict(config)))


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no None; an option left out is None, too."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if value is not None
    }


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


def _pairs(flags: Sequence[str]) -> list[tuple[str, str]]:
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
        pairs.append((key, text))
    return pairs


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is none (a bare word)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _meant(key: str, text: str) -> Any:
    """A text of the command line as the value that its key wants.

    Where text is wanted, 7 is "7"; where a list is wanted, one value is a list of it.
    """
    value = _value(text)
    hint: Any = Config
    for part in key.split("."):
        hints = typing.get_type_hints(hint) if dataclasses.is_dataclass(hint) else {}
        hint = hints.get(part)
    if typing.get_origin(hint) is tuple:
        words = typing.get_args(hint)[0] is str
        if not isinstance(value, list):
            return [text if words and not isinstance(value, str) else value]
        return [str(item) for item in value] if words else value
    return text if hint is str and not isinstance(value, str) else value


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ValueError(f"--{key}: {parent} is a value, not a table")
    tree[last] = value
