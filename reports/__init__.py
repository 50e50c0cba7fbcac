"""From run records to tables, pages and findings: figures are computed, never typed."""

import os

# read by matplotlib when it is imported: charts need no screen, and no notebook's
os.environ["MPLBACKEND"] = "agg"
