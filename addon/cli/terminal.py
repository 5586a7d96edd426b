"""The user's terminal, as it was before a program that draws on it was ended from outside."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

# Out of the alternate screen, and without what Codex switches on: pasting in brackets, reports of the mouse and of the
# focus, keys told in full; the cursor and plain colours again. A terminal leaves alone what is not on.
_PLAIN = "\x1b[<u\x1b[?2004l\x1b[?1004l\x1b[?1000l\x1b[?1006l\x1b[?1049l\x1b[?25h\x1b[0m\r\n"


@contextlib.contextmanager
def kept() -> Iterator[Callable[[], None]]:
    """Gives a function that puts the terminal back; it does nothing where there is none."""
    try:
        import termios
    except ImportError:  # Windows
        yield lambda: None
        return
    try:
        before = termios.tcgetattr(sys.stdin.fileno())
    except (OSError, ValueError, termios.error):
        yield lambda: None
        return

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)
            if sys.stdout.isatty():
                sys.stdout.write(_PLAIN)
                sys.stdout.flush()

    yield restore
