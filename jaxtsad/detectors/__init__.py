"""One detector per file: a frozen Config and build(config) -> Detector."""
