"""The vocabulary and the decisions, pure: no IO, no clock, no environment, standard library only."""
