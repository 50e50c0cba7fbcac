"""Files and arrays to batches of pixels, and how loops over them run."""
