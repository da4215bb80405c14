"""The frame of a study: its command line, its folder, and what it writes.

A study is a function of a `Session` that returns a `Report`; `main` does the rest:

    STUDY = Study("name", __doc__, run, options, quick={"epochs": 1})

    if __name__ == "__main__":
        sys.exit(main(STUDY))

`--quick` takes other defaults, and where no data root is named the recording that comes
with the package, so that it runs anywhere within seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from benchmarks.studies import report as reports
from benchmarks.studies.cache import Cache
from benchmarks.studies.report import Report
from jaxtsad.datasets import places
from jaxtsad.experiments import console, facts
from jaxtsad.pipeline import fitting
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import checkpoints, compilations
from jaxtsad.training.fit import Callbacks, Interrupted


@dataclasses.dataclass(frozen=True)
class Session:
    """One run of a study.

    Attributes:
        name: Name of the study.
        options: What the command line said.
        folder: Where all of it is written.
        terminal: Where progress is shown.
        command: The command that gives the same figures.
    """

    name: str
    options: argparse.Namespace
    folder: pathlib.Path
    terminal: Console
    command: str = ""

    @property
    def root(self) -> str | None:
        """Data root; of `--quick` without one, the recording of the package."""
        given: str | None = self.options.data_root
        return str(places.bundled("data", "demo")) if self.bundled else given

    @property
    def bundled(self) -> bool:
        """Whether it is to run without any data set."""
        return bool(self.options.quick) and self.options.data_root is None

    def cache(self, code: str, *parts: str) -> Cache:
        """Where stages are kept: see `Cache`."""
        return Cache(self.folder.joinpath("stages", *parts), code)

    def say(self, text: str) -> None:
        """Tells what is done now."""
        self.terminal.print(text, highlight=False, markup=False)

    def fit(
        self,
        title: str,
        setup: Setup,
        data: fitting.Data,
        *,
        folder: pathlib.Path | None = None,
        **options: Any,
    ) -> Fitted:
        """Fits a detector, with a bar of optimizer steps.

        Args:
            title: Of the bar.
            setup: How it is trained.
            data: Name and values of each entity.
            folder: Of checkpoints, from which an interrupted training goes on.
            **options: Of `pipeline.fitting.fit`.

        Raises:
            Interrupted: On Ctrl-C, after saving a checkpoint.
        """
        with (
            checkpoints.opened(folder, {"title": title}) as kept,
            console.interruptible() as stop,
            console.progress(self.terminal, title) as status,
        ):
            callbacks = options.pop("callbacks", Callbacks())
            callbacks = callbacks._replace(status=status, stop=stop)
            return fitting.fit(
                setup, data, checkpoints=kept, callbacks=callbacks, **options
            )


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


@dataclasses.dataclass(frozen=True)
class Study:
    """What a study is.

    Attributes:
        name: Of its module below `benchmarks.studies`, and of its files.
        doc: What it is about; the first line is the help of its command.
        run: Makes the report.
        options: Adds options to the command line.
        quick: Defaults of options that `--quick` takes instead.
        data: Whether it reads data sets.
    """

    name: str
    doc: str
    run: Callable[[Session], Report]
    options: Callable[[argparse.ArgumentParser], None] = _none
    quick: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: bool = True


def detector_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--options NAME=VALUE ...`, options of a study's detector."""
    parser.add_argument(
        "--options",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="options of the detector instead of the size's",
    )


def parser(study: Study) -> argparse.ArgumentParser:
    """The flags: those of every study, then its own."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.studies.{study.name}",
        description=study.doc.splitlines()[0],
    )
    add = made.add_argument
    add("--data-root", help="folder of the data sets")
    add("--out", help=f"folder to write to (default: runs/{study.name})")
    add("--quick", action="store_true", help="does it work? small sizes, minutes")
    study.options(made)
    return made


def main(study: Study, arguments: Sequence[str] | None = None) -> int:
    """Runs a study and writes its files.

    As a command it keeps its compiled programs, so that one that was killed, or asks
    for one seed more, does not compile again.

    Args:
        study: The study.
        arguments: Of the command line; None for the process's own.

    Returns:
        Exit code: 0, 2 after one line about bad input, 130 where it was interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        compilations.keep()
    flags = parser(study)
    if "--quick" in words:
        flags.set_defaults(**study.quick)
    options = flags.parse_args(words)
    default = f"{study.name}_quick" if options.quick else study.name
    folder = pathlib.Path(options.out or pathlib.Path("runs") / default)
    session = Session(study.name, options, folder, Console(), _command(study, words))
    try:
        found = study.run(session)
        about = {
            "schema": 1,
            "study": study.name,
            "command": session.command,
            "versions": facts.versions(),
            "device": facts.device(),
            "git": facts.revision(),
        }
        report = found._replace(notes=[*found.notes, f"Command: `{session.command}`."])
        reports.write(report, folder, study.name.replace(".", "_"), about)
        reports.show(found, session.terminal)
    except (ValueError, OSError) as error:
        return console.refused(error)
    except (Interrupted, KeyboardInterrupt):
        session.say("stopped; the same command goes on from there")
        return 130
    session.say(f"The report is in {folder}")
    return 0


def _command(study: Study, words: Sequence[str]) -> str:
    """The command as anybody may type it: no folder of this machine in it."""
    kept: list[str] = []
    given = iter(words)
    for word in given:
        name = word.split("=")[0]
        if name in ("--out", "--data-root"):
            if "=" not in word:
                next(given, None)
        else:
            kept.append(word)
    rooted = ["--data-root", "DIR"] if study.data and "--quick" not in words else []
    name = f"python -m benchmarks.studies.{study.name}"
    return shlex.join([*name.split(), *rooted, *kept])
