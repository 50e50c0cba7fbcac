"""Methods by name; a fitted one as a file, its card, its answers and evidence."""
