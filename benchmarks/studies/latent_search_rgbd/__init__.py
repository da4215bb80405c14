"""Latent search on colour and depth images of one kind of shape."""
