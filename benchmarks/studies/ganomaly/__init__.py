"""GANomaly on image sets: one class left out in turn, and sweeps of its options."""
