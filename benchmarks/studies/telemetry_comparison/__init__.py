"""Recurrent detectors compared on 28 channels of NASA telemetry, in one command.

python -m benchmarks.studies.telemetry_comparison --data-root DIR
"""
