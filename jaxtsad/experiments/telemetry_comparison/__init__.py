"""Recurrent detectors compared on 28 channels of NASA telemetry, in one command.

python -m jaxtsad.experiments.telemetry_comparison --data-root DIR
"""
