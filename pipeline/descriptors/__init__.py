"""One file per descriptor: images to flat arrays of descriptors."""
