"""Stages of a study on disk, keyed by what made them: new code, new numbers."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import json
import pathlib
import sys
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import jaxtsad
from jaxtsad import files
from jaxtsad.experiments import facts

STUDIES = "benchmarks.studies"
UNUSED = ("cli", "estimator", "reporting")
"""Packages that show results and make none."""
MADE_OF = "made_of"


class Cache(NamedTuple):
    """A folder of results, each written with the key of what made it.

    The key is what the caller says of it (config, seeds, checksums of the data), a hash
    of the source that made it, and the versions of the packages below. A result with
    another key is made again.

    Attributes:
        folder: Where results are kept.
        code: Name of the module that makes them, with all that it imports of studies.
    """

    folder: pathlib.Path
    code: str

    def tree(self, part: str, about: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """A result that JSON can hold, made where it is not kept."""
        kept = self.read(part, about)
        return self.write(part, about, make()) if kept is None else kept

    def arrays(
        self,
        part: str,
        about: Mapping[str, Any],
        make: Callable[[], Mapping[str, np.ndarray]],
    ) -> dict[str, np.ndarray]:
        """Arrays by name, made where they are not kept."""
        path = self.folder / f"{part}.npz"
        key = self.key(about)
        with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
            with np.load(path, allow_pickle=False) as file:
                if str(file[MADE_OF]) == key:
                    return {name: file[name] for name in file.files if name != MADE_OF}
        made = dict(make())
        files.write_arrays(path, {MADE_OF: np.array(key), **made})
        return made

    def read(self, part: str, about: Mapping[str, Any]) -> Any:
        """A kept result, or None where it was made of something else."""
        try:
            kept = json.loads((self.folder / f"{part}.json").read_text())
        except (OSError, json.JSONDecodeError):
            return None
        same = isinstance(kept, dict) and kept.get(MADE_OF) == self.key(about)
        return kept["value"] if same else None

    def write(self, part: str, about: Mapping[str, Any], value: Any) -> Any:
        """Keeps a result; returns it as `read` would."""
        value = files.plain(value)
        made = {MADE_OF: self.key(about), "value": value}
        files.write_json(self.folder / f"{part}.json", made)
        return value

    def place(self, part: str, about: Mapping[str, Any]) -> pathlib.Path:
        """A folder of a stage's own, for what keeps its files itself."""
        name = hashlib.sha256(self.key(about).encode()).hexdigest()[:12]
        return self.folder / f"{part}_{name}"

    def key(self, about: Mapping[str, Any]) -> str:
        """The key as text."""
        made_of = {"about": about, "source": source(self.code), **_versions()}
        return json.dumps(files.plain(made_of), sort_keys=True)


@functools.cache
def source(module: str) -> str:
    """SHA-256 of what a result depends on: library, weights that ship, and study.

    Args:
        module: Dotted name; "__main__" for the program that runs.
    """
    if module == "__main__":
        spec = sys.modules["__main__"].__spec__
        module = spec.name if spec else STUDIES
    root = pathlib.Path(jaxtsad.__file__).parent
    paths = [
        path
        for path in root.rglob("*")
        if path.suffix in (".py", ".safetensors")
        and path.relative_to(root).parts[0].removesuffix(".py") not in UNUSED
    ]
    digest = hashlib.sha256()
    for path in [*sorted(paths), *map(pathlib.Path, sorted(_imported(module)))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _imported(module: str) -> set[str]:
    """Files of a module and of all the modules of studies that it imports."""
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or not name.startswith(STUDIES):
            continue
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:  # a name in a module, not a module
            continue
        if spec is None or spec.origin is None:
            continue
        seen[name] = spec.origin
        for node in ast.walk(ast.parse(pathlib.Path(spec.origin).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting.append(node.module)
                waiting += [f"{node.module}.{one.name}" for one in node.names]
    return set(seen.values())


@functools.cache
def _versions() -> dict[str, Any]:
    kept = {k: v for k, v in facts.versions().items() if k != "jaxtsad"}
    return {"versions": kept}
