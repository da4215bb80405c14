"""The command line: running experiments, one's own recordings, data, detectors."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

FAILURES = (ValueError, OSError, LookupError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; bad input is one line on stderr and exit code 2.

    Args:
        arguments: The words after the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not getattr(options, "overridable", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.overrides = rest
    from jaxtsad.training import sharding
    from jaxtsad.training.fit import Interrupted

    try:
        _cache_compilations()
        sharding.use_cores()
        options.command(options)
    except FAILURES as error:
        print(f"jaxtsad: {_line(error)}", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt):
        return 130
    return 0


def _line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _cache_compilations() -> None:
    """Keeps compiled programs between runs, unless the user has chosen a place."""
    import jax

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", str(home / pathlib.Path("jaxtsad")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxtsad", description="Deep anomaly detection in JAX and Flax."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Any], None], text: str) -> Any:
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        sub.set_defaults(command=command)
        return sub

    demo = add("demo", _demo, "detect the anomalies of the bundled recording")
    demo.add_argument("--out", default="runs/demo", help="run directory")

    run = add("run", _run, "run an experiment from a config")
    run.add_argument(
        "config", nargs="?", help="a TOML file, or a bundled config's name"
    )
    run.add_argument("--out", help="run directory (default: runs/NAME)")
    run.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    run.add_argument("--data-root", help="folder of the data sets")
    run.set_defaults(overridable=True)
    run.epilog = "Any config value can be overridden: --training.epochs 3"

    judge = add("evaluate", _evaluate, "judge a run's scores again, without training")
    judge.add_argument("run", help="run directory")
    judge.add_argument("--threshold", help="another kind of threshold")

    explore = add("explore", _explore, "draw a recording and its labels as one page")
    explore.add_argument("data", help="a data set's name, or the path of a recording")
    explore.add_argument("entity", nargs="?", help="which of the data set's entities")
    explore.add_argument("--out", help="HTML file to write (default: ENTITY.html)")
    explore.add_argument("--data-root", help="folder of the data sets")
    explore.add_argument("--test", help="a second file, the test part of the first")

    look = add("inspect", _inspect, "look inside a run's detector around one step")
    look.add_argument("run", help="run directory")
    look.add_argument("--entity", help="default: that of the most severe event")
    look.add_argument("--step", type=int, help="default: the most severe event's peak")

    fit = add("fit", _fit, "fit a detector on your own recording")
    fit.add_argument("train", help="CSV, Parquet, npy or npz file")
    fit.add_argument("--detector", required=True)
    fit.add_argument("--out", required=True, help="folder of the fitted detector")
    fit.add_argument("--window", type=int, default=100)
    fit.add_argument("--epochs", type=int, default=10)
    fit.add_argument("--batch-size", type=int)
    fit.add_argument("--threshold", default="quantile")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="repeatable"
    )
    score = add("score", _score, "score a recording with a fitted detector")
    events = add("events", _events, "list the events a fitted detector finds")
    for sub in (score, events):
        sub.add_argument("model", help="folder of the fitted detector")
        sub.add_argument("data", help="CSV, Parquet, npy or npz file")
        sub.add_argument("--out", required=True, help="CSV file to write")
    for sub in (explore, fit, score, events):
        sub.add_argument("--time-column", help="column of time stamps, not a channel")
        sub.add_argument("--label-column", help="column of labels, not a channel")

    data = add("data", lambda options: None, "list, fetch and verify public data sets")
    verbs = data.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="what can be fetched")
    listing.set_defaults(command=_data_list)
    for name, command in (("fetch", _data_fetch), ("verify", _data_verify)):
        verb = verbs.add_parser(name)
        verb.add_argument("name")
        verb.add_argument("--data-root", help="folder of the data sets")
        verb.set_defaults(command=command)

    add("detectors", _detectors, "list the detectors and their options")
    return parser


def _demo(options: argparse.Namespace) -> None:
    options.config, options.resume, options.data_root = "demo", None, None
    _run(options)


def _run(options: argparse.Namespace) -> None:
    from rich.console import Console

    from jaxtsad.experiments import run, toml

    terminal = Console(stderr=False)
    if (options.config is None) == (options.resume is None):
        raise ValueError("name a config, or a run directory with --resume, not both")
    overrides = list(options.overrides)
    if options.data_root:
        overrides += ["--data.root", options.data_root]
    if options.resume:
        if overrides:
            raise ValueError(f"a resumed run keeps its config; drop {overrides[0]}")
        folder = pathlib.Path(options.resume)
        config = toml.load(folder / run.CONFIG)
        report = run.run(config, folder, resume=True, terminal=terminal)
    else:
        config = toml.load(_config_path(options.config), overrides)
        folder = pathlib.Path(options.out or pathlib.Path("runs") / config.name)
        report = run.run(config, folder, terminal=terminal)
    _show(report, folder, terminal)


def _config_path(name: str) -> pathlib.Path:
    """A file, or a bundled config by its name with or without folder and suffix."""
    from jaxtsad.datasets import places

    path = pathlib.Path(name)
    if path.is_file():
        return path
    try:
        bundled = places.bundled("configs", f"{path.name.removesuffix('.toml')}.toml")
    except FileNotFoundError:
        folder = places.bundled("configs")
        have = ", ".join(sorted(one.stem for one in folder.glob("*.toml")))
        raise ValueError(
            f"there is no config {name!r}; bundled ones are {have}"
        ) from None
    return bundled


def _show(report: dict[str, Any], folder: pathlib.Path, terminal: Any) -> None:
    from jaxtsad.experiments import summary

    summary.show(report, terminal)
    terminal.print(f"The report is {folder / 'report.html'}")


def _evaluate(options: argparse.Namespace) -> None:
    from rich.console import Console

    from jaxtsad.experiments import evaluate

    folder = pathlib.Path(options.run)
    terminal = Console()
    _show(evaluate.evaluate(folder, threshold=options.threshold), folder, terminal)


def _explore(options: argparse.Namespace) -> None:
    from jaxtsad.datasets import catalog, frames
    from jaxtsad.experiments import records
    from jaxtsad.reporting import exploration

    wanted = {
        "time_column": options.time_column,
        "label_column": options.label_column,
        "test_path": options.test,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    entities = None if options.entity is None else [options.entity]
    found = catalog.load(options.data, options.data_root, entities, **given)
    if len(found) > 1:
        names = frames.listed(one.name for one in found)
        raise ValueError(f"{options.data} has {len(found)} entities, name one: {names}")
    page = exploration.page(found[0], pathlib.Path(options.data).name)
    path = pathlib.Path(options.out or f"{found[0].name}.html")
    records.write_text(path, page)
    print(f"The page is {path}")


def _inspect(options: argparse.Namespace) -> None:
    from jaxtsad.experiments import inspection

    folder = pathlib.Path(options.run)
    found = inspection.inspect(folder, entity=options.entity, step=options.step)
    print(
        f"{found['entity']}, step {int(found['step'])}: {folder / 'inspection.npz'}, "
        f"drawn in {folder / 'report.html'}"
    )


def _fit(options: argparse.Namespace) -> None:
    from rich.console import Console

    import jaxtsad
    from jaxtsad.experiments import console, toml
    from jaxtsad.training.fit import Watch

    frame = _frame(options.train, options)
    detector = jaxtsad.TimeSeriesDetector(
        options.detector,
        window=options.window,
        options=toml.assignments(options.option),
        epochs=options.epochs,
        batch_size=options.batch_size,
        threshold=options.threshold,
        seed=options.seed,
    )
    with (
        console.interruptible() as stop,
        console.progress(Console(), options.detector) as status,
    ):
        detector.fit(frame, watch=Watch(status=status, stop=stop))
    detector.save(options.out)
    print(f"threshold {detector.threshold_:.6g}; saved in {options.out}")


def _score(options: argparse.Namespace) -> None:
    import pandas as pd

    import jaxtsad

    detector = jaxtsad.load(options.model)
    frame = _frame(options.data, options)
    table = pd.DataFrame(
        {"score": detector.decision_function(frame), "flag": detector.predict(frame)}
    )
    table.insert(0, "step", range(len(table)))
    _write_csv(table, options.out)
    print(f"{int(table['flag'].sum())} of {len(table)} steps flagged; {options.out}")


def _events(options: argparse.Namespace) -> None:
    import jaxtsad

    detector = jaxtsad.load(options.model)
    table = detector.events(_frame(options.data, options)).drop(columns="entity")
    _write_csv(table, options.out)
    print(f"{len(table)} events; {options.out}")


def _frame(path: str, options: argparse.Namespace) -> Any:
    import pandas as pd

    from jaxtsad.datasets import tabular

    read = tabular.read(
        path, time_column=options.time_column, label_column=options.label_column
    )
    return pd.DataFrame(read.values, columns=list(read.channels))


def _write_csv(table: Any, path: str) -> None:
    from jaxtsad.experiments import records

    records.write_text(pathlib.Path(path), table.to_csv(index=False))


def _data_list(options: argparse.Namespace) -> None:
    del options
    from jaxtsad.datasets import registry

    for data_set in registry.listing():
        print(data_set)


def _data_fetch(options: argparse.Namespace) -> None:
    from jaxtsad.datasets import registry

    for path in registry.fetch(options.name, options.data_root):
        print(path)


def _data_verify(options: argparse.Namespace) -> None:
    from jaxtsad.datasets import registry

    checks = registry.verify(options.name, options.data_root)
    for check in checks:
        if check.state != "ok":
            print(check)
    print(registry.summary(checks))
    if any(check.state == "wrong" for check in checks):
        raise ValueError(f"{options.name} does not match its checksums")


def _detectors(options: argparse.Namespace) -> None:
    del options
    from jaxtsad import detectors

    for name in detectors.available():
        text = (detectors.module(name).__doc__ or "").strip().splitlines()[0]
        print(f"{name}: {text}")
        given = {"window", "channels"}
        for option, default in detectors.options(name).items():
            if option not in given:
                print(f"    {option} = {default}")


if __name__ == "__main__":
    sys.exit(main())
