"""Turn files and arrays into batches of pixels, and loop over them in parallel."""
