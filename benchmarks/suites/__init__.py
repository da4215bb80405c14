"""One suite of timings per file."""
