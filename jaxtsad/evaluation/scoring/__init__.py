"""From window and channel scores to the score that is judged."""
