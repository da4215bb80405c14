"""Array functions: windows, association, attention, recurrence. Imports jax only."""
