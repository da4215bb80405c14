"""What each criticised part of the Anomaly Transformer does, one change at a time."""
