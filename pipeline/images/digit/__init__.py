"""A drawn or photographed digit: its ink found, brought to MNIST's form."""
