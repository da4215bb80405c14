"""An experiment shared by several hosts, each of which holds some of the entities.

Members do not depend on each other, so a host fits and scores its own entities as if
there were no others, and puts what it found into the run directory, which all hosts
must see. Host 0 waits for the parts and writes the report. What killed hosts leave is
gone on with by any number of hosts (`training.shards`).

Where there is one model of all entities every host does the same on all of them, but
that each takes its share of the rows of every batch; host 0 writes what was found. A
federated model is trained by each host on its own entities, of which it tells the
others no more than the sum of their updates (`training.federated`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import time
from collections.abc import Sequence
from typing import Any

import jax
from rich.console import Console

from jaxtsad import files
from jaxtsad.experiments import (
    baselines,
    console,
    facts,
    fits,
    recordings,
    report,
    toml,
    work,
)
from jaxtsad.experiments.config import Config
from jaxtsad.experiments.fits import Place
from jaxtsad.pipeline import members, saving
from jaxtsad.reporting import run_directory, training_log
from jaxtsad.training import fleet, shards
from jaxtsad.training import hosts as meeting
from jaxtsad.training.hosts import Hosts
from jaxtsad.types import Series

MARKER = "hosts.json"
"""Tells how often a run on several hosts was begun or gone on with."""
PARTS, FOUND = "hosts", "found.json"
PAUSE = 0.2


def began(folder: pathlib.Path) -> bool:
    """Whether a run directory is of a run that was begun on several hosts."""
    return (folder / MARKER).is_file()


def check(folder: pathlib.Path, config: Config, resume: bool) -> None:
    """Refuses a run directory that is another run's, or none to resume.

    Raises:
        ValueError: Saying which.
    """
    there = folder / run_directory.CONFIG
    if there.exists():
        if not resume:
            raise ValueError(
                f"{str(folder)!r} holds a run already; go on with --resume or name "
                "another --out"
            )
        if there.read_text("utf-8") != toml.dump(config):
            raise ValueError(f"{str(there)!r} is of another experiment than this one")
        return
    if resume:
        raise ValueError(f"{str(folder)!r} holds no run to resume")


def run(
    config: Config,
    folder: pathlib.Path,
    given: Hosts | None,
    coordinator: str | None,
    *,
    resume: bool = False,
    terminal: Console,
) -> dict[str, Any] | None:
    """Does this host's part of an experiment, and on host 0 puts the parts together.

    Args:
        config: The experiment, the same on all hosts.
        folder: The run directory, which all hosts see.
        given: Which host this is; None where JAX finds out by itself.
        coordinator: Address and port of host 0; None where JAX finds out by itself, or
            there is one host.
        resume: Goes on from where the hosts of `folder` had come.
        terminal: Where progress is shown.

    Returns:
        The report on host 0, None on the others.

    Raises:
        ValueError: If the config cannot be shared, or as `run.run`.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    if resume and not began(folder):
        raise ValueError(
            f"{str(folder)!r} holds no run that was begun with --hosts; go on without"
        )
    hosts, several = given or Hosts(), given is None or given.number > 1
    if several:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        log = folder / PARTS / f"{socket.gethostname()}-{os.getpid()}.log"
        hosts = meeting.join(given, coordinator, str(log))
    with contextlib.ExitStack() as held:
        if hosts.first:
            held.enter_context(files.locked(folder, run_directory.KIND))
            _begin(folder, config, resume)
        if several:
            meeting.meet()
        try:
            found = _part(config, folder, hosts, terminal)
        except jax.errors.JaxRuntimeError as error:
            if "Gloo" not in str(error):
                raise
            raise ValueError(
                f"{meeting.ENDED}, and so does this one; {meeting.GO_ON}"
            ) from None
        made = _gathered(config, folder, hosts, terminal) if hosts.first else None
        if several:
            meeting.leave()
    if not hosts.first:
        console.say(terminal, f"host {hosts.host} of {hosts.number} is done: {found}")
    return made


def _begin(folder: pathlib.Path, config: Config, resume: bool) -> None:
    """Makes the run directory ready for all hosts."""
    check(folder, config, resume)
    attempt = 1 + (_attempt(folder) if began(folder) else 0)
    files.write_json(folder / MARKER, {"attempt": attempt})
    files.write_text(folder / run_directory.CONFIG, toml.dump(config))


def _attempt(folder: pathlib.Path) -> int:
    return int(json.loads((folder / MARKER).read_text())["attempt"])


def _place(
    folder: pathlib.Path, attempt: int, hosts: Hosts, in_step: bool = False
) -> Place:
    own = folder / PARTS / f"{attempt}-{hosts.host}"
    return Place(hosts, attempt, own, in_step)


def _how(config: Config) -> fleet.OnHosts:
    """What hosts share: one model's batches, the members, or rounds of averaging."""
    pooling = config.data.pooling
    if pooling in ("pooled", "glued"):
        return "in_step"
    return "federated" if pooling == "federated" else "apart"


def _part(config: Config, folder: pathlib.Path, hosts: Hosts, terminal: Console) -> str:
    """Fits and scores this host's entities and writes what host 0 needs; in words."""
    try:
        theirs = toml.load(folder / run_directory.CONFIG)
        how = _how(config)
        in_step = how == "in_step"
        place = _place(folder, _attempt(folder), hosts, in_step)
    except (OSError, ValueError):
        raise ValueError(
            f"host {hosts.host} does not see what host 0 wrote to {str(folder)!r}; the "
            "run directory must be one that all hosts share"
        ) from None
    # Where data are may differ from host to host.
    if _without_root(theirs) != _without_root(config):
        raise ValueError(f"host {hosts.host} was given another config than host 0")
    place.folder.mkdir(parents=True, exist_ok=True)
    before, memory = _bytes_read(), facts.peak_memory()
    series, of = _share(config, Hosts() if in_step else hosts)
    read = _bytes_read() - before
    if how == "federated":
        _check_alike(series)
    with fleet.on_hosts(how):
        done = work.do(config, series, folder, terminal, place)
    drawn = done.values(config)
    for main, group in zip(done.fitted, done.groups, strict=True):
        saving.save(place.folder / f"model_{group.name}", main, {}, group.channels)
    values = {name: array for name, (array, _) in drawn.items()}
    scores = place.folder / run_directory.SCORES
    run_directory.write_scores(scores, done.scored, values, exact=True)
    run_directory.write_pictures(place.folder, done.pictures)
    data = [(one.train, one.test, one.labels) for one in series]
    about = {
        "host": hosts.host,
        "entities": len(series),
        "devices": jax.local_device_count(),
        "data_bytes": sum(a.nbytes for each in data for a in each if a is not None),
        "read_bytes": read,
        "memory_before_bytes": memory,
        "peak_memory_bytes": facts.peak_memory(),
        "train_s": done.timings.train_s,
    }
    groups = [
        {
            "name": group.name,
            "channels": group.channels,
            "entities": [one.name for one in group.series],
        }
        for group in done.groups
    ]
    record = {"facts": done.facts(config), "groups": groups, "host": about}
    record["timings"] = vars(done.timings)
    files.write_json(place.folder / FOUND, record)
    return f"{len(series)} of {of} entities"


def _check_alike(series: Sequence[Series]) -> None:
    """Refuses entities that cannot have one model, wherever they are."""
    counts = [one.train[:1].size for one in series]
    least, most = -meeting.most(-min(counts)), meeting.most(max(counts))
    if least != most:
        raise ValueError(
            f"entities have {int(least)} to {int(most)} channels; hosts average one "
            "model, of entities with equally many"
        )


def _without_root(config: Config) -> Config:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, root=""))


def _share(config: Config, hosts: Hosts) -> tuple[list[Series], int]:
    """The entities that this host holds, and the number of all.

    Where names are known without reading, nothing else is read.
    """
    names = recordings.entities(config)
    every = recordings.load(config) if names is None else []
    count = len(every if names is None else names)
    if count < hosts.number:
        raise ValueError(f"hosts={hosts.number} are more than {count} entities")
    if names is None:
        return [every[place] for place in hosts.share(count)], count
    own = tuple(names[place] for place in hosts.share(count))
    data = dataclasses.replace(config.data, entities=own)
    return recordings.load(dataclasses.replace(config, data=data)), count


def _bytes_read() -> int:
    """Bytes that this process has read so far; 0 where the system does not tell."""
    try:
        lines = pathlib.Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


def _gathered(
    config: Config, folder: pathlib.Path, hosts: Hosts, terminal: Console
) -> dict[str, Any]:
    """Waits for all parts and puts them together as a run on one host would be."""
    attempt = _attempt(folder)
    each = [Hosts(hosts.number, host) for host in range(hosts.number)]
    places = [_place(folder, attempt, one).folder for one in each]
    for host, place in enumerate(places):
        if not (place / FOUND).is_file():
            console.say(terminal, f"waiting for host {host}")
        # A host that dies ends this one, too.
        while not (place / FOUND).is_file():
            time.sleep(PAUSE)
    parts = [json.loads((place / FOUND).read_text()) for place in places]
    told = [part["host"] for part in parts]
    if _how(config) == "in_step":  # All have found the same.
        places, parts = places[:1], parts[:1]
    groups = {group["name"]: group for part in parts for group in part["groups"]}
    names = sorted(groups, key=lambda name: (len(name), name))
    of = {e: g["name"] for p in parts for g in p["groups"] for e in g["entities"]}
    rows = [config.detector.name, *(one.row for one in baselines.chosen(config))]
    scored = [
        one
        for place in places
        for one in run_directory.read_scores(place / run_directory.SCORES)
    ]
    scored.sort(key=lambda one: (names.index(of[one.entity]), rows.index(one.detector)))
    scored += fits.smoothed(scored, config)
    values: dict[str, Any] = {}
    for place in places:
        values |= run_directory.read_values(place / run_directory.SCORES)
    run_directory.write_scores(folder / run_directory.SCORES, scored, values)
    seen = [run_directory.read_pictures(place) for place in places]
    run_directory.write_pictures(folder, {k: v for one in seen for k, v in one.items()})
    fitted = [
        members.joined(
            [
                saving.load(place / f"model_{name}")[0]
                for place, part in zip(places, parts, strict=True)
                if name in [group["name"] for group in part["groups"]]
            ]
        )
        for name in names
    ]
    known = [(name, groups[name]["channels"]) for name in names]
    work.save_models(folder, fitted, config, known)
    said = {**_facts(parts), "hosts": told}
    said["state_sha256"] = [facts.state_checksum(one.model) for one in fitted]
    made = report.make(config, scored, facts=said)
    logs = sorted((folder / PARTS).glob("*-*"), key=_by_attempt)
    # Of a run that was whole already the log is there.
    training_log.gather(folder, [folder, *logs])
    report.write(folder, made)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    for saved in (folder / fits.CHECKPOINTS).glob("*"):
        shards.clean(saved, attempt)
    return made


def _facts(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the parts say, as one would."""
    first, timings = dict(parts[0]["facts"]), work.Timings()
    for part in parts:
        timings.join(part["timings"])
    for name in ("entities", "notes"):
        first[name] = [each for part in parts for each in part["facts"][name]]
    # What is said of the one model that hosts average is said once.
    first["notes"] = list(dict.fromkeys(first["notes"]))
    for name in ("channels", "validation", "checksums"):
        first[name] = {k: v for part in parts for k, v in part["facts"][name].items()}
    return {**first, "timings": timings.report()}


def _by_attempt(part: pathlib.Path) -> tuple[int, ...]:
    numbers = part.name.split("-")
    return tuple(map(int, numbers)) if all(map(str.isdigit, numbers)) else (0,)
