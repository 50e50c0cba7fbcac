"""Descriptors to one vector per image: vocabularies, words, histograms, Fisher vectors."""
