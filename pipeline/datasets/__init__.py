"""One file a data set: SUMMARY, a line for lists, and load(folder) -> Dataset."""
