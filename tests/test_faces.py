"""`import jaxtsad`: cheap, and everything it offers is listed and there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys

import pytest

import jaxtsad

HEAVY = ("jax", "flax", "numpy", "sklearn", "pandas")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, jaxtsad; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_estimators_and_detectors_import_nothing_that_only_some_need() -> None:
    unneeded = ("sklearn", "scipy", "orbax", "matplotlib", "tensorboardX")
    code = (
        "import sys, jaxtsad.estimator as e, jaxtsad.detectors as d\n"
        "names = [d.options(name) for name in d.available()]\n"
        f"print([m for m in {unneeded} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_detectors_are_listed_without_jax() -> None:
    code = (
        "import sys\nfrom jaxtsad import cli\ncli.main(['detectors'])\n"
        "print([m for m in ('jax', 'pydantic', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "anomaly_transformer: " in done.stdout
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize("name", jaxtsad.detectors.available())
def test_what_is_read_off_the_source_is_what_is_there(name: str) -> None:
    expected, read = (
        jaxtsad.detectors.options(name),
        jaxtsad.detectors.written_options(name),
    )
    assert list(read.items()) == list(expected.items())
    text = (jaxtsad.detectors.module(name).__doc__ or "").strip()
    assert text.startswith(jaxtsad.detectors.summary(name))


@pytest.mark.parametrize("name", ["jaxtsad", "jaxtsad.datasets"])
def test_what_is_offered_lazily_is_listed_for_editors_too(name: str) -> None:
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    types_only = [node for node in tree.body if isinstance(node, ast.If)]
    for_editors = {
        alias.name
        for node in ast.walk(types_only[0])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert for_editors == set(module.__all__) <= set(dir(module))
    for offered in module.__all__:
        assert getattr(module, offered) is not None
    with pytest.raises(AttributeError, match="has no attribute 'oracle'"):
        _ = module.oracle


def test_metrics_and_thresholds_list_their_functions() -> None:
    assert {"auc_pr", "vus", "f1", "affiliation", "delay"} <= set(dir(jaxtsad.metrics))
    assert {"fit", "choices", "spot"} <= set(dir(jaxtsad.thresholds))
    for module in (jaxtsad.metrics, jaxtsad.thresholds):
        for name in dir(module):
            assert getattr(module, name).__doc__, name
    assert all(callable(getattr(jaxtsad.metrics, n)) for n in dir(jaxtsad.metrics))


def test_the_package_is_typed_and_has_one_version() -> None:
    folder = pathlib.Path(jaxtsad.__file__).parent
    assert (folder / "py.typed").is_file()
    project = (folder.parent / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert "\nversion =" not in project
