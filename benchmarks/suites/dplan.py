"""DPLAN at 20 features: steps of agent and environment per second, over seeds at once.

A step acts, learns once from the replay and, now and then, refits the forest that
rewards; members are seeds.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.options import Options, Row
from benchmarks.suites import fleet

DETECTOR = "dplan"
MEMBERS = (1, 10)
SMOKE = (1,)
TABLE = {"features": 20}


def measure(options: Options) -> Iterator[Row]:
    """Measures every number of seeds; `windows` of the rates are steps.

    Raises:
        ValueError: If a comparison or another detector is asked for.
    """
    options.refuse("dplan", "against", "detector")
    config = fleet.fleet_config(DETECTOR, options, TABLE)
    for count in options.members or (SMOKE if options.quick else MEMBERS):
        yield fleet.measured("dplan", DETECTOR, config, count, "auto", options)
