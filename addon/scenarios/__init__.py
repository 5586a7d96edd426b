"""Conversations that a Codex, the relay and a scripted provider play with each other."""
