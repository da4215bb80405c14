"""The words of the command line: commands, their arguments and what runs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from jaxtsad.cli import (
    choosing,
    export,
    flags,
    listings,
    recordings,
    replay,
    runs,
    serve,
    updating,
    watch,
)


def parser() -> argparse.ArgumentParser:
    """Makes the parser; `command` of what it parses is the function to call."""
    made = argparse.ArgumentParser(
        prog="jaxtsad", description="Deep anomaly detection in JAX and Flax."
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Any], None], text: str) -> Any:
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        sub.set_defaults(command=command, debug=False)
        _debug(sub)
        return sub

    demo = add("demo", runs.demo, "detect the anomalies of the bundled recording")
    demo.add_argument("--out", default="runs/demo", help="run directory")

    run = add("run", runs.run, "run an experiment from a config")
    run.add_argument(
        "config", nargs="?", help="a TOML file, or a bundled config's name"
    )
    run.add_argument("--out", help="run directory (default: runs/NAME)")
    run.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    run.add_argument("--data-root", help="folder of the data sets")
    run.add_argument(
        "--hosts",
        metavar="N",
        help="how many hosts share the run; auto: JAX finds out by itself",
    )
    run.add_argument("--host", type=int, metavar="I", help="which of them, from 0")
    run.add_argument(
        "--coordinator", metavar="ADDRESS:PORT", help="where host 0 is, free for use"
    )
    run.set_defaults(overridable=True)
    run.epilog = "Any config value can be overridden: --training.epochs 3"

    judge = add(
        "evaluate", runs.evaluate, "judge a run's scores again, without training"
    )
    judge.add_argument("run", help="run directory")
    judge.add_argument("--threshold", help="another kind of threshold")

    compare = add("compare", runs.compare, "put several runs side by side on one page")
    compare.add_argument("runs", nargs="+", help="run directories, the first one first")
    compare.add_argument("--entity", help="whose scores are drawn; default: the first")
    compare.add_argument("--out", default="comparison.html", help="HTML file to write")

    explore = add(
        "explore", recordings.explore, "draw a recording and its labels as one page"
    )
    explore.add_argument("data", help="a data set's name, or the path of a recording")
    explore.add_argument("entity", nargs="?", help="which of the data set's entities")
    explore.add_argument("--out", help="HTML file to write (default: ENTITY.html)")
    explore.add_argument("--data-root", help="folder of the data sets")
    explore.add_argument("--test", help="a second file, the test part of the first")
    explore.add_argument(
        "--model",
        help="folder of a fitted detector: its scores and events on a page to zoom, "
        "move the threshold and mark events",
    )

    look = add("inspect", runs.inspect, "look inside a run's detector around one step")
    look.add_argument("run", help="run directory")
    look.add_argument("--entity", help="default: that of the most severe event")
    look.add_argument("--step", type=int, help="default: the most severe event's peak")

    fit = add("fit", recordings.fit, "fit a detector on your own recording")
    fit.add_argument("train", help="CSV or other text, JSON, Parquet, npy or npz file")
    fit.add_argument(
        "--detector", help="default: pretrained_tcn, seconds on most recordings"
    )
    fit.add_argument("--out", required=True, help="folder of the fitted detector")
    fit.add_argument("--window", type=int, help="steps of a window; default: 40")
    fit.add_argument("--epochs", type=int, default=10)
    fit.add_argument("--batch-size", type=int)
    fit.add_argument("--head", default="none", help="none, smooth, evidence or gated")
    fit.add_argument("--threshold", default="budget")
    fit.add_argument(
        "--threshold-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the threshold, such as alarms_per_1000=2; repeatable",
    )
    fit.add_argument(
        "--shortest",
        type=int,
        default=1,
        help="consecutive steps above the threshold that an event needs",
    )
    fit.add_argument(
        "--cool-down",
        type=int,
        default=0,
        help="steps after an event in which no other opens",
    )
    fit.add_argument(
        "--labels",
        metavar="FILE",
        help="marks saved from a page, of one entity or several: events marked as "
        "anomalies are known ones",
    )
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="repeatable"
    )
    fit.add_argument(
        "--head-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the score head; repeatable",
    )
    fit.add_argument(
        "--pooling",
        default="per_entity",
        help="of several entities: per_entity, pooled or federated",
    )
    fit.add_argument(
        "--federated-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of federated averaging, such as rounds=5; repeatable",
    )
    choose = add(
        "choose",
        choosing.choose,
        "choose a detector by faults put into your own normal recording",
    )
    choose.add_argument("train", help="CSV or other text, JSON, Parquet, npy or npz")
    choose.add_argument(
        "--detectors",
        metavar="NAMES",
        help="candidates between commas, or a TOML list of names and tables",
    )
    choose.add_argument(
        "--rule",
        help="clear, best or first: whether the best must be clearly above the first "
        "(default: first if that is the default detector, else clear)",
    )
    choose.add_argument("--out", help="folder of the chosen detector, fitted on all")
    choose.add_argument("--seed", type=int, default=0)
    score = add("score", recordings.score, "score a recording with a fitted detector")
    events = add("events", recordings.events, "list the events a fitted detector finds")
    for sub in (score, events):
        sub.add_argument("model", help="folder of the fitted detector")
        sub.add_argument(
            "data", help="CSV or other text, JSON, Parquet, npy or npz file"
        )
        sub.add_argument("--out", required=True, help="CSV file to write")
    events.add_argument(
        "--opens", type=float, help="threshold of events; default: the fitted one"
    )
    events.add_argument("--closes", type=float, help="level at which an event ends")
    events.add_argument("--gap", type=int, help="steps over which events are joined")
    update = add(
        "update", updating.update, "go on with a fitted detector on new normal data"
    )
    update.add_argument("model", help="folder of the fitted detector")
    update.add_argument("data", help="new recording, mostly normal")
    update.add_argument("--epochs", type=int, help="at most; default: as many as fit")
    update.add_argument(
        "--tolerance",
        type=float,
        default=0.1,
        help="refuse what loses more on earlier data; negative: refuse nothing",
    )
    update.add_argument("--out", help="folder to save to; default: the model's own")
    back = add("rollback", updating.rollback, "take back a detector's last update")
    back.add_argument("model", help="folder of the fitted detector")
    for sub in (explore, fit, choose, score, events, update):
        flags.add(sub)

    ship = add(
        "export",
        export.export,
        "export a fitted detector as a folder that scores without this package",
    )
    ship.add_argument("model", help="folder of the fitted detector")
    ship.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    ship.add_argument(
        "--format",
        default="stablehlo",
        metavar="NAMES",
        help="stablehlo, onnx or both with a comma between (default: stablehlo)",
    )
    ship.add_argument("--entity", help="of several the one to export; default: all")

    live = add("watch", watch.watch, "watch a feed of rows and tell alarms")
    live.epilog = (
        "Left out and counted: malformed rows (no row, a word that is no number, an "
        "unknown entity), late rows (stamped before the one before them) and "
        "duplicated ones (with its stamp). Missing rows are counted, not made up; "
        "missing cells count as the last known value. Counts are told on stderr."
    )
    live.add_argument("model", help="folder of the fitted detector")
    live.add_argument(
        "file",
        nargs="?",
        default=watch.STANDARD_INPUT,
        help="CSV or JSON lines; default: -, standard input",
    )
    live.add_argument(
        "--follow", action="store_true", help="wait for what is written to the file"
    )
    live.add_argument(
        "--human", action="store_true", help="lines to read instead of JSON"
    )
    live.add_argument(
        "--state",
        metavar="DIR",
        help="folder from which a killed watch goes on, with every alarm, each once",
    )
    live.add_argument(
        "--save-every",
        type=int,
        default=1000,
        metavar="ROWS",
        help="rows after which the state is saved, and that are read again at most",
    )
    live.add_argument(
        "--drift",
        action="store_true",
        help="tell on stderr when channels or scores are no longer those fitted on",
    )
    live.add_argument("--time-column", help="column of time stamps, not a channel")
    live.add_argument("--time-format", help="of stamps that are text; default: ISO")
    live.add_argument("--entity-column", help="column that names the machine of a row")

    served = add(
        "serve", serve.serve, "serve a detector over HTTP: rows in, alarms out"
    )
    served.epilog = (
        "POST /rows takes CSV or JSON lines; GET /events, /recent, /live, /health, "
        "/metrics, and / for a page; of several entities /entities/NAME/rows. Rows are "
        "scored in order; those with stamps may be sent again after a broken answer."
    )
    served.add_argument("model", help="folder of the fitted detector")
    served.add_argument(
        "--host", default="127.0.0.1", help="default: this machine only"
    )
    served.add_argument("--port", type=int, default=8321)
    served.add_argument(
        "--state",
        metavar="DIR",
        help="folder from which a killed server goes on, with every alarm, each once",
    )
    served.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file of a bearer token that requests need; or set {serve.TOKEN}",
    )
    served.add_argument(
        "--body", type=int, default=16 * 2**20, help="bytes of a request, at most"
    )
    served.add_argument(
        "--rate", type=float, default=1000, help="requests of a client in a second"
    )
    served.add_argument("--time-column", help="column of time stamps, not a channel")
    served.add_argument("--time-format", help="of stamps that are text; default: ISO")

    again = add(
        "replay", replay.replay, "tell when a labeled recording would have been alarmed"
    )
    again.add_argument("model", help="folder of the fitted detector")
    again.add_argument("data", help="a recording, or with ENTITY a data set's name")
    again.add_argument("entity", nargs="?", help="which of the data set's entities")
    again.add_argument("--data-root", help="folder of the data sets")
    again.add_argument(
        "--refit",
        metavar="EVERY",
        help="update the detector on what it saw every so many steps or, say, 7d",
    )
    flags.add(again)

    data = add("data", lambda options: None, "list, fetch and verify public data sets")
    verbs = data.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="what can be fetched")
    listing.set_defaults(command=listings.data_sets)
    for name, command in (("fetch", listings.fetch), ("verify", listings.verify)):
        verb = verbs.add_parser(name)
        verb.add_argument("name")
        verb.add_argument("--data-root", help="folder of the data sets")
        verb.set_defaults(command=command)
    for verb in verbs.choices.values():
        _debug(verb)

    known = add("detectors", listings.detectors, "list the detectors and their options")
    known.set_defaults(computes=False)

    schema = add("schema", listings.schema, "print the JSON schema of a config")
    schema.add_argument("detector", nargs="?", help="that of a detector's options")
    return made


def _debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )
