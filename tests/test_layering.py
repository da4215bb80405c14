"""Layering: a file imports only from lower ranks or its own package."""

from __future__ import annotations

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "jaxtsad"
RANKS = {
    "types": 0,
    "validation": 0,
    "files": 0,
    "blocks": 0,
    "datasets": 1,
    "ops": 1,
    "evaluation": 1,
    "metrics": 2,
    "thresholds": 2,
    "models": 2,
    "training": 2,
    "detectors": 3,
    "pipeline": 4,
    "check": 4,
    "streaming": 5,
    "interactive": 5,
    "export": 5,
    "estimator": 6,
    "reporting": 6,
    "experiments": 7,
    "serving": 7,
    "cli": 8,
    "__main__": 9,
}
ONLY_IN = {"optax": {"training"}, "orbax": {"training"}}
HEAVY = {"tyro", "pooch", "tensorboardX", "polars", "matplotlib", "torch"}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of everything imported; `from a import b` gives `a` and `a.b`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layering(path: pathlib.Path) -> None:
    tree = ast.parse(path.read_text())
    own = part(path)
    if own == "__init__":
        return
    assert own in RANKS, f"{own} has no rank"
    for name in imported(tree):
        root, _, rest = name.partition(".")
        if root in ONLY_IN:
            assert own in ONLY_IN[root], f"{name} is imported outside {ONLY_IN[root]}"
        if root == "flax":
            assert own == "models" or path.name == "network.py", f"{name} is imported"
        if root == "jaxtsad" and rest:
            other = rest.split(".")[0]
            if other in RANKS and other != own:
                assert RANKS[other] < RANKS[own], f"{own} imports {name}"
                assert "._" not in f".{rest}", f"{own} imports the private {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layering_keeps_optional_packages_lazy(
    path: pathlib.Path,
) -> None:
    body = ast.parse(path.read_text()).body
    plain = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = imported(ast.Module(plain, []))
    assert not {name.split(".")[0] for name in names} & HEAVY


def modules() -> dict[str, pathlib.Path]:
    """Every module by its dotted name; a package by its folder's."""
    found = {}
    for path in FILES:
        parts = ("jaxtsad", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def test_layering_has_no_import_circle() -> None:
    """Not even in what is imported late or for types only."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for module, path in known.items():
        names = imported(ast.parse(path.read_text()))
        # A package that offers what is in it does not depend on whoever it offers.
        graph[module] = (names & set(known)) - {module}
        graph[module] -= {name for name in names if module.startswith(f"{name}.")}
    settled: set[str] = set()
    while ready := {m for m in graph.keys() - settled if graph[m] <= settled}:
        settled |= ready
    assert graph.keys() == settled, sorted(graph.keys() - settled)
