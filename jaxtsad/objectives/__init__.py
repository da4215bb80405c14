"""Losses, their signs and every stop_gradient."""
