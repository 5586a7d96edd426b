"""The benchmark: a command, never a timed test."""
