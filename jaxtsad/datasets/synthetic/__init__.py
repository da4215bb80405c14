"""Generated recordings and pictures with known anomalies."""

from __future__ import annotations

from jaxtsad.datasets.synthetic.generators import (
    DEMO_SEED,
    TELEMETRY_KINDS,
    TYPE_CODES,
    Event,
    Generated,
    Part,
    TaxonomyOptions,
    Telemetry,
    TelemetryOptions,
    load,
    make_neurips_ts,
    make_telemetry,
    write_demo,
    write_telemetry,
)

__all__ = [
    "DEMO_SEED",
    "TELEMETRY_KINDS",
    "TYPE_CODES",
    "Event",
    "Generated",
    "Part",
    "TaxonomyOptions",
    "Telemetry",
    "TelemetryOptions",
    "load",
    "make_neurips_ts",
    "make_telemetry",
    "write_demo",
    "write_telemetry",
]
