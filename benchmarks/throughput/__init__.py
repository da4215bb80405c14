"""Timings of the library, by suite: `python -m benchmarks`."""
