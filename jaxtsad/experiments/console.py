"""Progress on the terminal, and the first Ctrl-C taken as a wish to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from jaxtsad.training.fit import Status


@contextlib.contextmanager
def progress(console: Console, title: str) -> Iterator[Callable[[Status], None]]:
    """Shows a bar of optimizer steps while training.

    Yields:
        What `Callbacks.status` takes.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None, note="compiling")

        def status(now: Status) -> None:
            done = now.epoch * now.steps + now.step
            note = f"epoch {now.epoch + 1} of {now.epochs}"
            if now.members > 1:
                note += f", {now.active} of {now.members} members training"
            bar.update(task, total=now.epochs * now.steps, completed=done, note=note)

        yield status


def say(console: Console, line: str, style: str = "") -> None:
    """Prints a line as it is: names and paths may hold what rich takes for markup."""
    console.print(Text(line, style=style), soft_wrap=True)


def refused(error: Exception) -> int:
    """Says in one line on stderr why a program ends; returns its exit code 2."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Takes the first SIGINT as a wish to stop at the next stretch, the second as is.

    Yields:
        What `Callbacks.stop` takes.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        del number, frame
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:
        # Not the main thread: signals stay with whoever has it.
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
