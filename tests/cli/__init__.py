"""The codex-relay command, as a user runs it."""
