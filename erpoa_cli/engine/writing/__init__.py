"""Executing a plan's batches: what must hold first, the writes, and what they gave."""
