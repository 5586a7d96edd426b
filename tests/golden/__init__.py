"""Replays every folder of fixtures/: what Codex sent and a provider streamed, through today's translator.

After a deliberate change: `pytest tests/golden --update-fixtures`, then read the diff.
"""
