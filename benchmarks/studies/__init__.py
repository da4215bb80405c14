"""What is claimed, measured again: `python -m benchmarks.studies.NAME`."""
