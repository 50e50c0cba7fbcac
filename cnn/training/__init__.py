"""Training: batches, learning rates, checkpoints, devices, distortions."""
