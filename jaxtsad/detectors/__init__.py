"""One detector per file: the file name is its name, and nothing else registers it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import pathlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtsad.types import Detector


@functools.cache
def available() -> tuple[str, ...]:
    """Names of all detectors.

    Example:
        >>> "anomaly_transformer" in available()
        True
    """
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def module(name: str) -> ModuleType:
    """The module of a detector.

    Raises:
        ValueError: If there is no detector of that name.
    """
    if name not in available():
        raise ValueError(
            f"detector={name!r} is unknown; the choices are {', '.join(available())}"
        )
    return importlib.import_module(f"{__name__}.{name}")


def is_single(name: str) -> bool:
    """Whether a detector has functions of its own, as all but `ensemble` have."""
    return hasattr(module(name), "build")


def summary(name: str) -> str:
    """What a detector is, in a line.

    Example:
        >>> summary("zscore").startswith("Mean squared z-score per step")
        True
    """
    path = pathlib.Path(__path__[0]) / name / "__init__.py"
    text = ast.get_docstring(_parsed(path if path.exists() else _config(name)))
    return (text or "").partition("\n")[0]


def written_options(name: str) -> dict[str, Any]:
    """The same as `options`, read off the source: nothing is imported."""
    known: dict[str, Any] = {}
    mode: dict[str, Any] = {}
    for node in _parsed(_config(name)).body:
        if isinstance(node, ast.ClassDef) and node.name == "Config":
            for field in node.body:
                if isinstance(field, ast.AnnAssign):
                    named = ast.unparse(field.target)
                    known[named] = field.value and ast.literal_eval(field.value)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "MODES":
            assert node.value is not None
            mode = {"mode": next(iter(ast.literal_eval(node.value)))}
    return known | mode


def _config(name: str) -> pathlib.Path:
    """The file that holds a detector's `Config`."""
    folder = pathlib.Path(__path__[0])
    path = folder / name / "config.py"
    return path if path.exists() else folder / f"{name}.py"


def _parsed(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def options(name: str) -> dict[str, Any]:
    """The options of a detector with their defaults; those without one are None.

    A detector with `MODES`, named sets of values, has the option `mode`, too; what is
    given besides a mode counts more than what the mode says.
    """
    fields = dataclasses.fields(module(name).Config)
    known = {
        field.name: None if field.default is dataclasses.MISSING else field.default
        for field in fields
    }
    modes = _modes(name)
    return known | {"mode": next(iter(modes))} if modes else known


def _modes(name: str) -> Mapping[str, Mapping[str, Any]]:
    modes: Mapping[str, Mapping[str, Any]] = getattr(module(name), "MODES", {})
    return modes


def configure(name: str, options_: Mapping[str, Any]) -> Any:
    """Makes the frozen config of a detector.

    Args:
        name: Name of the detector.
        options_: Values of its options; lists become tuples.

    Raises:
        ValueError: If the detector or an option is unknown, or a value is bad.

    Example:
        >>> sizes = {"window": 10, "channels": 2}
        >>> configure("anomaly_transformer", {**sizes, "mode": "modified"}).layers
        2
    """
    from jaxtsad import validation

    validation.check_names(options_, list(options(name)), f"option of {name}")
    values, modes = dict(options_), _modes(name)
    if "mode" in values and modes:
        mode = values.pop("mode")
        if mode not in list(modes):
            raise ValueError(f"{mode=} is unknown; the choices are {', '.join(modes)}")
        values = {**modes[mode], **values}
    return module(name).Config(**values)


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of a detector's options; sizes, which the data give, left out.

    Raises:
        ValueError: If there is no detector of that name.

    Example:
        >>> schema("pca")["properties"]["rank"]["minimum"]
        1
    """
    from jaxtsad import validation

    made = validation.schema(module(name).Config)
    for size in made.pop("required", ()):
        del made["properties"][size]
    modes = _modes(name)
    if modes:
        made["properties"]["mode"] = {"enum": list(modes), "default": next(iter(modes))}
    return made


def load(name: str, options_: Mapping[str, Any]) -> Detector:
    """Builds a detector; equal options give the same one, which compiles once.

    Raises:
        ValueError: If the detector or an option is unknown, or a value is bad.

    Example:
        >>> load("zscore", {"window": 10, "channels": 2}).validate is None
        True
    """
    config = configure(name, options_)
    if not is_single(name):
        raise ValueError(
            f"{name} is made of other detectors, each with functions of its own; there "
            "is nothing else to build or to look into"
        )
    detector: Detector = module(name).build(config)
    return detector
