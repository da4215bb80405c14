"""Plants each fault of the table in a copy of the package and runs its tests there."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from tests.mutations.table import MUTATIONS, Mutation

ROOT = pathlib.Path(__file__).parents[2]
COPIED = ("jaxtsad", "tests", "configs", "data", "pyproject.toml")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)
def test_a_fault_can_be_planted_where_its_text_is(mutation: Mutation) -> None:
    count = (ROOT / mutation.file).read_text().count(mutation.old)
    assert count == 1, f"{mutation.file} has {mutation.old!r} {count} times"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of the package and its tests, in which the named tests pass."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, folder / name)
    tests = dict.fromkeys(test for mutation in MUTATIONS for test in mutation.tests)
    done = run(folder, list(tests))
    assert done.returncode == 0, f"without a fault:\n{done.stdout[-4000:]}"
    return folder


@pytest.fixture
def planted(
    copy: pathlib.Path, request: pytest.FixtureRequest
) -> Iterator[pathlib.Path]:
    """The copy with one fault in it, which is taken out again."""
    mutation: Mutation = request.param
    path = copy / mutation.file
    text = path.read_text()
    path.write_text(text.replace(mutation.old, mutation.new))
    yield copy
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "mutation"),
    [pytest.param(each, each, id=re.sub(r"\W+", "_", each.name)) for each in MUTATIONS],
    indirect=["planted"],
)
def test_the_fault_is_caught(planted: pathlib.Path, mutation: Mutation) -> None:
    done = run(planted, mutation.tests)
    # 1: all were run and some failed; a fault that cannot be imported proves nothing.
    assert done.returncode == 1, done.stdout[-4000:] + done.stderr[-2000:]
    failed = {line.split()[1] for line in done.stdout.splitlines() if is_failure(line)}
    assert failed == set(mutation.tests)


def is_failure(line: str) -> bool:
    return line.startswith("FAILED ")


def run(folder: pathlib.Path, tests: Sequence[str]) -> subprocess.CompletedProcess:
    """Runs tests of a copy by the copy's own package."""
    environment = dict(os.environ)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    environment["PYTHONPATH"] = str(folder)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=short", *tests],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
