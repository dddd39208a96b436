"""From relations to a frozen plan: the diff, what is kept back, guards and rules, the plan file."""
