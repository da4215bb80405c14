"""Experimental Pallas kernels of anomaly attention for GPU and TPU."""
