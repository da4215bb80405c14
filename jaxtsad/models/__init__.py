"""One Flax Linen architecture per file; the only place that imports flax."""
