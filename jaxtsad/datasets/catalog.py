"""Data sets by name: the file name is the registry.

Every public module of this package with a function `load(root, entities, ...)` that
returns `Series` is a data set of that name; every one with `load_samples(root, ...)` is
a set of independent samples. A path to a file is a recording of one's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pathlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any, Literal

from jaxtsad import datasets
from jaxtsad.datasets import places
from jaxtsad.datasets.reading import tabular
from jaxtsad.types import Samples, Series


def available(kind: str = "load") -> list[str]:
    """Names of the data sets.

    Args:
        kind: "load" for recordings, "load_samples" for images and tables.

    Example:
        >>> {"demo", "smap", "msl", "smd"} <= set(available())
        True
    """
    modules = pkgutil.iter_modules(datasets.__path__)
    names = (module.name for module in modules if not module.name.startswith("_"))
    return [name for name in names if _loader(name, kind) is not None]


def kind(name: str) -> Literal["series", "samples"]:
    """What a data set holds; `series` where there is none of that name.

    Example:
        >>> kind("smap"), kind("mnist")
        ('series', 'samples')
    """
    known = name.isidentifier() and _loader(name, "load_samples") is not None
    return "samples" if known else "series"


def load(
    name: str,
    root: str | os.PathLike[str] | None = None,
    entities: Sequence[str] | None = None,
    **options: Any,
) -> list[Series]:
    """Loads the recordings of a data set, one `Series` per entity.

    Args:
        name: One of `available()`, or the path to a recording that `tabular` reads.
        root: The data root; None: see `places.data_root`.
        entities: Names of entities, returned in this order; None: all.
        **options: Those of the module's `load`, or of `tabular.load` for a path.

    Raises:
        FileNotFoundError: If the data set is not below the root.
        ValueError: If the name, an entity or an option is unknown.
    """
    if not name.isidentifier():
        if entities is not None:
            raise ValueError(f"{entities=}: the file {name} is one entity")
        _check_names(options, tabular.OPTIONS, name)
        return tabular.load_all(name, **options)
    loader = _find(name, "load", ", or the path to a file")
    _check(options, loader, name, given=2)
    if isinstance(entities, str):
        entities = [entities]
    series: list[Series] = loader(_root(loader, root), entities, **options)
    return series


def entities(name: str, root: str | os.PathLike[str] | None = None) -> list[str] | None:
    """Names of a data set's entities in the order of `load`, without reading values.

    Returns:
        The names, or None where only reading can tell.

    Raises:
        FileNotFoundError: If the data set is not below the root.
    """
    known = name.isidentifier() and _loader(name, "load") is not None
    told = _loader(name, "entities") if known else None
    if told is None:
        return None
    names: list[str] = told(places.data_root(root))
    return names


def load_samples(
    name: str, root: str | os.PathLike[str] | None = None, **options: Any
) -> Samples:
    """Loads a set of images or table rows.

    Args:
        name: One of `available("load_samples")`.
        root: The data root; None: see `places.data_root`.
        **options: Those of the module's `load_samples`.

    Raises:
        FileNotFoundError: If the set is not below the root.
        ValueError: If the name or an option is unknown.
    """
    loader = _find(name, "load_samples", "")
    _check(options, loader, name, given=1)
    samples: Samples = loader(_root(loader, root), **options)
    return samples


def _find(name: str, kind: str, more: str) -> Callable[..., Any]:
    loader = _loader(name, kind)
    if loader is None:
        choices = ", ".join(available(kind))
        raise ValueError(
            f"data set {name!r} is unknown; the choices are {choices}{more}"
        )
    return loader


def _loader(name: str, kind: str) -> Callable[..., Any] | None:
    path = f"{datasets.__name__}.{name}"
    if name.startswith("_") or importlib.util.find_spec(path) is None:
        return None
    loader: Callable[..., Any] | None
    loader = getattr(importlib.import_module(path), kind, None)
    if loader is None or next(iter(inspect.signature(loader).parameters)) != "root":
        return None
    return loader


def _root(
    loader: Callable[..., Any], root: str | os.PathLike[str] | None
) -> pathlib.Path | None:
    unused = inspect.signature(loader).parameters["root"].default is None
    return None if unused and root is None else places.data_root(root)


def _check(
    options: dict[str, Any], loader: Callable[..., Any], name: str, given: int
) -> None:
    parameters = list(inspect.signature(loader).parameters.values())[given:]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    _check_names(options, [each.name for each in parameters], name)


def _check_names(options: dict[str, Any], choices: Sequence[str], name: str) -> None:
    unknown = sorted(set(options) - set(choices))
    if unknown:
        listed = ", ".join(choices) or "none"
        raise ValueError(f"data set {name!r} has no option {unknown}, it has {listed}")
