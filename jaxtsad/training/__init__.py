"""The training loop, optimisers, schedules and checkpoints."""
