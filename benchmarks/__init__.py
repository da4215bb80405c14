"""Timings of the library, by suite."""
