"""mitmweb with the relay in a real Chromium: tests, and the README's pictures.

A test is written as a person acts: it does one thing after the other, while provider, relay and client run on an event
loop of another thread (world.py).
"""
