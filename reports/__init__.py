"""From run records to tables: evaluation (numpy only) and comparison."""
