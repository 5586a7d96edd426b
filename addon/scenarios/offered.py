"""What the scripted model does with the tools it is offered: their names and shapes changed over the versions."""

from __future__ import annotations

from addon.scripted import Call, Seen

PATCH = '*** Begin Patch\n*** Add File: new.txt\n+first line\n+"second" \\ line — ünï\n*** End Patch'
PATCHED = 'first line\n"second" \\ line — ünï\n'


def shell(seen: Seen, command: str) -> Call:
    """The shell tool has had three names, and takes a line or a list of words."""
    for name in ("exec_command", "shell_command", "shell"):
        if name in seen.tools:
            kind = "cmd" if name == "exec_command" else "command"
            return Call.of(name, {kind: ["bash", "-lc", command] if name == "shell" else command})
    raise LookupError(f"no shell among {seen.tools}")
