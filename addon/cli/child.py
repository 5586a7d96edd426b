"""A further script of a relay that `codex-relay` starts: what the command line can't say, and what it said in vain."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

if (_root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.append(_root)

from addon import compat
from addon.cli import engine
from addon.cli.arguments import set_values, set_words
from addon.nearest import nearest
from addon.processes import WEB_PASSWORD

logger = logging.getLogger(__name__)


class Child:
    def load(self, loader: Loader) -> None:
        # Command lines are seen by everybody on the machine; one that says a password all the same is obeyed.
        password = os.environ.pop(WEB_PASSWORD, "")
        is_said = any(setting.startswith("web_password=") for setting in set_words(sys.argv))
        if password and not is_said and "web_password" in ctx.options:  # mitmweb 11.0 asks for none
            ctx.options.update(web_password=password)

    def running(self) -> None:
        """An error at this moment ends the start."""
        for complaint in complaints(sys.argv, compat.unknown_options(""), ctx.options.keys()):
            engine.misused = True
            logger.error("%s", complaint)


def complaints(words: Sequence[str], unknown: Iterable[str], known: Iterable[str]) -> list[str]:
    """A line for each option that this command line sets and that nobody has: mitmproxy waits for a script to declare
    it. Of those in config.yaml other scripts may be meant."""
    found = []
    for name in sorted(set_values(words).keys() & set(unknown)):
        close = nearest(name, known)
        advice = f"did you mean {close}?" if close else "mitmdump --options lists mitmproxy's"
        found.append(f"--set {name}: there is no such option; {advice}")
    return found


addons = [Child()]
