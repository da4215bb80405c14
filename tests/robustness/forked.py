"""Kills processes while they write; run by `test_kills` in a process of its own.

Forks are cheap where a new interpreter is not, and a process that has used JAX and is
under test by pytest had better not be forked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pathlib
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import jax
import numpy as np

import jaxtsad
from jaxtsad import cli, files
from jaxtsad.experiments import toml
from jaxtsad.pipeline import saving
from jaxtsad.pipeline.members import Fitted
from tests.experiments import layout

KILLS = 30
SHARES = (0.0, 0.2, 0.5, 0.9, 0.999, 1.0)
NOBODY = 65534


def forked(work: Callable[[], None]) -> int:
    """Starts a process that does some work and ends; its number."""
    number = os.fork()
    if number:
        return number
    try:
        work()
        os._exit(0)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1, error
        os._exit(2)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(70)


def ended(number: int) -> int:
    """The exit code of a process, or the negative signal."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


@contextlib.contextmanager
def killed(chance: random.Random, work: Callable[[], None]) -> Iterator[int]:
    """A process that repeats some work until it is killed at a random moment."""

    def repeat() -> None:
        while True:
            work()

    number = forked(repeat)
    time.sleep(chance.random() * 0.05)
    yield number
    os.kill(number, signal.SIGKILL)
    assert ended(number) == -signal.SIGKILL


def models() -> tuple[Fitted, Fitted]:
    """Two small detectors of different thresholds, as plain arrays."""
    values = np.random.default_rng(0).normal(size=(60, 2))
    made = []
    for factor in (1.0, 3.0):
        wide = np.concatenate([values[:30], values[30:] * factor])
        fitted = jaxtsad.TimeSeriesDetector("zscore", window=8).fit(wide).fitted_
        plain = jax.tree.map(np.asarray, fitted.model)
        made.append(dataclasses.replace(fitted, model=plain, result=None))
    first, second = made
    assert first.thresholds != second.thresholds
    return first, second


def clean(folder: pathlib.Path, names: set[str]) -> None:
    left = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert left == names, left


def kill_saving(place: pathlib.Path) -> None:
    """What is loaded afterwards is one of the two; the next save leaves no file."""
    first, second = models()
    known, chance = (first.thresholds, second.thresholds), random.Random(0)
    saving.save(place / "m", first, {}, [])

    def work() -> None:
        for each in (second, first):
            saving.save(place / "m", each, {}, [])

    for _ in range(KILLS):
        with killed(chance, work):
            pass
        assert saving.load(place / "m")[0].thresholds in known
    saving.save(place / "m", second, {}, [])
    assert saving.load(place / "m")[0].thresholds == second.thresholds
    clean(place, {"m", f"m/{saving.ARRAYS}", f"m/{saving.RECORD}"})
    for number in range(KILLS):
        target = place / f"new{number}"
        with killed(chance, lambda target=target: saving.save(target, first, {}, [])):
            pass
        saving.save(target, second, {}, [])
        clean(target, {saving.ARRAYS, saving.RECORD})


def kill_writing(place: pathlib.Path) -> None:
    """A file is whole at every moment; the next writer leaves nothing else."""
    contents, chance = [b"a" * 10**6, b"b" * 10**5], random.Random(1)
    path = place / "file"
    files.write_bytes(path, contents[0])

    def work() -> None:
        for content in contents:
            files.write_bytes(path, content)

    for _ in range(KILLS):
        with killed(chance, work):
            pass
        assert path.read_bytes() in contents
    files.write_bytes(path, b"last")
    clean(place, {"file"})


def kill_two(place: pathlib.Path) -> None:
    """Of two processes one is refused while the other is alive, and only then."""
    chance, folder = random.Random(2), place / "run"
    folder.mkdir()

    def hold() -> None:
        with files.locked(folder, "the run directory"):
            (folder / "held").touch()
            while True:
                files.write_text(folder / "a", "x")

    def write() -> None:
        with files.locked(folder, "the run directory"):
            files.write_text(folder / "b", "x")

    for _ in range(KILLS):
        number = forked(hold)
        while not (folder / "held").exists():
            time.sleep(0.001)
        assert ended(forked(write)) == 2, "another process was let in"
        time.sleep(chance.random() * 0.02)
        os.kill(number, signal.SIGKILL)
        assert ended(number) == -signal.SIGKILL
        assert ended(forked(write)) == 0, "a lock outlived its process"
        (folder / "held").unlink()
    files.write_text(folder / "a", "x")
    clean(place, {"run", "run/a", "run/b"})
    first, _ = models()
    saving.save(place / "m", first, {}, [])
    both = [
        forked(lambda: [saving.save(place / "m", first, {}, []) for _ in range(20)])
        for _ in range(2)
    ]
    assert {ended(number) for number in both} <= {0, 2}
    assert saving.load(place / "m")[0].thresholds == first.thresholds
    clean(place / "m", {saving.ARRAYS, saving.RECORD})


def full_disk(place: pathlib.Path) -> None:
    """No file may be longer than so much: one line, and what was there is there."""
    first, second = models()
    saving.save(place / "m", first, {}, [])
    largest = max(path.stat().st_size for path in (place / "m").iterdir())
    for share in SHARES:
        size = int(largest * share)

        def work(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            saving.save(place / "m", second, {}, [])

        code = ended(forked(work))
        known = first if code else second
        assert code == 2 or share > 0.95, (size, code)
        assert saving.load(place / "m")[0].thresholds == known.thresholds, size
        clean(place / "m", {saving.ARRAYS, saving.RECORD})
        saving.save(place / "m", first, {}, [])


def read_only(place: pathlib.Path) -> None:
    """A folder of somebody else: one line before anything is trained."""
    first, _ = models()
    saving.save(place / "m", first, {}, [])
    for path in (place, place / "m"):
        path.chmod(0o555)
    for work in (
        lambda: saving.check(place / "m"),
        lambda: saving.check(place / "new"),
        lambda: saving.save(place / "m", first, {}, []),
        lambda: saving.save(place / "new", first, {}, []),
        lambda: files.check_writable(place / "new" / "x.csv"),
        lambda: files.write_text(place / "x.csv", "x"),
    ):

        def as_nobody(work: Callable[[], object] = work) -> None:
            if os.getuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()

        assert ended(forked(as_nobody)) == 2
    clean(place, {"m", f"m/{saving.ARRAYS}", f"m/{saving.RECORD}"})
    for path in (place, place / "m"):
        path.chmod(0o755)


def read_only_commands(place: pathlib.Path) -> None:
    """Every command that writes: one line, and a model there can still be used."""
    os.chdir(place)
    values = np.sin(np.arange(300) / 4)[:, None] * [1.0, 2.0]
    np.savetxt("train.csv", values, delimiter=",", header="a,b", comments="")
    data = layout.write(place / "data", 3)
    config = layout.config(
        "zscore", data, data={"entities": ["A-1"]}, evaluation={"baselines": []}
    )
    (place / "tiny.toml").write_text(toml.dump(config))
    fit = ["fit", "train.csv", "--detector", "zscore", "--window", "20", "--out"]
    assert command(*fit, "m") == command("run", "tiny.toml", "--out", "done") == (0, "")
    everything = [place, *place.rglob("*")]
    contents = {path: path.read_bytes() for path in everything if path.is_file()}
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for words in (
        [*fit, "m"],
        [*fit, "new"],
        [*fit, "new/deeper"],
        ["score", "m", "train.csv", "--out", "scores.csv"],
        ["score", "m", "train.csv", "--out", "train.csv"],
        ["events", "m", "train.csv", "--out", "new/events.csv"],
        ["explore", "train.csv", "--out", "page.html"],
        ["explore", "train.csv"],
        ["run", "tiny.toml", "--out", "new"],
        ["run", "tiny.toml", "--out", "done"],
        ["run", "tiny.toml"],
        ["run", "--resume", "done"],
        ["evaluate", "done"],
        ["inspect", "done"],
        ["demo"],
    ):
        code, line = command(*words)
        assert code == 2 and line.count("\n") == 1, (words, code, line)
        assert line.startswith("jaxtsad: cannot write"), (words, line)
    assert command("score", "m", "train.csv", "--out", os.devnull)[0] == 0
    assert {*place.rglob("*"), place} == {*everything}
    assert all(path.read_bytes() == content for path, content in contents.items())


def command(*words: str) -> tuple[int, str]:
    """The exit code of a command and what it says on standard error."""
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main([*words])
    return code, stderr.getvalue()


SCENARIOS = {
    each.__name__: each
    for each in (
        kill_saving,
        kill_writing,
        kill_two,
        full_disk,
        read_only,
        read_only_commands,
    )
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of JAX, which a fork is told not to use
    SCENARIOS[sys.argv[1]](pathlib.Path(sys.argv[2]))
