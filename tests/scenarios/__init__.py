"""The scenarios and what is kept of them, without a Codex."""
