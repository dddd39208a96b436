"""The stages between a project and a frozen plan. Each takes what it needs and returns a frozen value."""
