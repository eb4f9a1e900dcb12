"""Training: losses, loop, checkpoints, optimisers."""
