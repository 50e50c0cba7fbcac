"""Descriptors to one vector per image: words, histograms, Fisher vectors, VLAD."""
