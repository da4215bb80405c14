"""TOML to dataclasses to run directories; one script per experiment."""
