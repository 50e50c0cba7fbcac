"""Turn images into flat arrays of descriptors, with one file per descriptor."""
