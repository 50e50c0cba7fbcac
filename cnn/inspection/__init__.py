"""What a trained network looks for and does: kernels, maps, evidence, depth."""
