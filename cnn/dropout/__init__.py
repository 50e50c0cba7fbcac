"""The lecture's second table: each method is an option of one network, `cuda_convnet`.

Methods named `wide_...` have the size of the published networks, for a GPU.
"""
