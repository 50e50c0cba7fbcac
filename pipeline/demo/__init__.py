"""A local page on which saved models answer pictures side by side."""
