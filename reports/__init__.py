"""Turn run records into tables, a page and findings; no number is typed by hand."""

import os

# matplotlib reads this on import: charts need neither a screen nor a notebook
os.environ["MPLBACKEND"] = "agg"
