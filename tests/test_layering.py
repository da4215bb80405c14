"""Layering: a file imports only from lower ranks or its own package."""

from __future__ import annotations

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "jaxtsad"
RANKS = {
    "types": 0,
    "datasets": 1,
    "ops": 1,
    "evaluation": 1,
    "models": 2,
    "reporting": 2,
    "objectives": 3,
    "interop": 3,
    "training": 4,
    "detectors": 5,
    "pipeline": 6,
    "estimator": 7,
    "experiments": 7,
    "cli": 8,
    "__main__": 9,
}
ONLY_IN = {"flax": {"models"}, "optax": {"training"}, "orbax": {"training"}}
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
        if root == "jaxtsad" and rest:
            other = rest.split(".")[0]
            if other in RANKS and other != own:
                assert RANKS[other] < RANKS[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layering_keeps_optional_packages_lazy(
    path: pathlib.Path,
) -> None:
    body = ast.parse(path.read_text()).body
    plain = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = imported(ast.Module(plain, []))
    assert not {name.split(".")[0] for name in names} & HEAVY
