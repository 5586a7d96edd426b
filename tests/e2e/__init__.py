"""The real Codex CLI through the real relay, against a scripted upstream."""
