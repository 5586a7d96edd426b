"""The real Codex CLI: found or installed, given a home of its own, run, and listened to."""
