"""What an unknown Chat Completions endpoint accepts, learnt by asking it, and the profile that follows from it.

Questions are data (questions/), the interview asks them through an endpoint, differences.py turns what was found into
a profile's differences. A question whose answer depends on the model's goodwill, such as whether it calls a tool, is
"unknown" when the model does something else.
"""

from __future__ import annotations

from addon.recording import RecordingError


class ProbeError(RecordingError):
    """The probe can't be made; the text is one line for the user and names the remedy."""


class Stopped(Exception):
    """The endpoint can't be asked any further, though what was found so far holds; the text tells the user why."""
