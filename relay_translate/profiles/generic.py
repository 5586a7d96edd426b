"""Any server that speaks Chat Completions and that no other profile knows."""

from .profile import Profile

PROFILE = Profile(name="generic")
