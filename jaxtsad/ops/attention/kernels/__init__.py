"""Experimental Pallas kernels of anomaly attention, which run on request only."""
