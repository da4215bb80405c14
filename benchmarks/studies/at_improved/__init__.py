"""A variant of the Anomaly Transformer chosen on some channels, judged on others."""
