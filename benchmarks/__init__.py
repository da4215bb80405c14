"""Timings: `python -m benchmarks`; studies: `python -m benchmarks.studies.NAME`."""
