"""Runs and what is measured besides: search, learning curves, corruption, cost."""
