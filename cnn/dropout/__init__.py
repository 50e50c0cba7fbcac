"""The lecture's second table: one network (`cuda_convnet`), each method an option of it.

Methods named `wide_...` have the size of the published networks, for a GPU.
"""
