"""Support vector machines: kernels, pairs or one against the rest, virtual examples."""
