"""The gate of `pretrained_tcn`, trained on synthetic columns."""
