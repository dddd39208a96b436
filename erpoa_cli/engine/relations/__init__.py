"""Filling the staging area: reads, seeds and models, their tests, and the rows set aside."""
