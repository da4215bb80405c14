"""From recordings to calibrated scores: shared by the estimator and experiments."""
