"""How a network is trained: batches, rates, checkpoints, devices, distortion."""
