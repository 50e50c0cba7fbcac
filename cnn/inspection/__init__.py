"""Inspection of a trained network: kernels, feature maps, export, depth."""
