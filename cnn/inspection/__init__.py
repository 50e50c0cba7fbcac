"""Inspection of a trained network: kernels, maps, patches, gradients, export."""
