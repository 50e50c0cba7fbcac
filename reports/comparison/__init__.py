"""The report of `visbase compare`: methods on a folder, in a table and on a page."""
