"""Commands that list: data sets, also fetched and verified, detectors and schemas."""

from __future__ import annotations

import argparse


def data_sets(options: argparse.Namespace) -> None:
    """Prints what can be fetched."""
    del options
    from jaxtsad.datasets import registry

    for data_set in registry.listing():
        print(data_set)


def fetch(options: argparse.Namespace) -> None:
    """Fetches a data set and prints its files."""
    from jaxtsad.datasets import registry

    for path in registry.fetch(options.name, options.data_root):
        print(path)


def verify(options: argparse.Namespace) -> None:
    """Compares a data set with its checksums."""
    from jaxtsad.datasets import registry

    checks = registry.verify(options.name, options.data_root)
    for check in checks:
        if check.state != "ok":
            print(check)
    print(registry.summary(checks))
    if any(check.state == "wrong" for check in checks):
        raise ValueError(f"{options.name} does not match its checksums")


def detectors(options: argparse.Namespace) -> None:
    """Prints the detectors and their options."""
    del options
    from jaxtsad import detectors

    for name in detectors.available():
        print(f"{name}: {detectors.summary(name)}")
        given = {"window", "channels"}
        for option, default in detectors.written_options(name).items():
            if option not in given:
                print(f"    {option} = {default}")


def schema(options: argparse.Namespace) -> None:
    """Prints the JSON schema of an experiment's config, or of a detector's options."""
    import json

    from jaxtsad import detectors
    from jaxtsad.experiments import config

    name = options.detector
    made = config.schema() if name is None else detectors.schema(name)
    print(json.dumps(made, indent=2))
