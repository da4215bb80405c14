"""Parameters of public PyTorch checkpoints, in and out."""
