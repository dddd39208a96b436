"""All that a connector may import besides core."""
