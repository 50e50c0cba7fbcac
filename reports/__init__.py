"""From run records to tables: evaluation (numpy only) and comparison."""

import os

# read by matplotlib when it is imported: charts need no screen, and no notebook's
os.environ["MPLBACKEND"] = "agg"
