"""Support vector machines: kernels, one-vs-one and one-vs-rest, virtual examples."""
