"""The training engine: loop, plan, compiled programs, fleets, checkpoints."""
