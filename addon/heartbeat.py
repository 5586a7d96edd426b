"""A sign of life while a provider is silent.

Codex gives a stream up after a time without events (`stream_idle_timeout_ms`), and asks again, which costs the whole
prompt once more; a model that loads or thinks for minutes would never be heard. mitmproxy calls a stream only when the
provider sends something, so a task of ours writes the event: one that says nothing new, but counts.
"""

from __future__ import annotations

import asyncio
import logging
import time

from . import compat, endings, exchange, patience

logger = logging.getLogger(__name__)

SILENCE = 5.0  # seconds without an event before one is made up; the shortest idle limit in use is far above
TICK = 1.0


class Heartbeat:
    """Runs from `start` (mitmproxy's `running`) to `stop` (`done`)."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._beat(), name="codex-relay heartbeat")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for work in (keep_alive, patience.give_up, endings.heed_kills):
                try:
                    work(time.monotonic())
                except Exception:  # one odd flow must not end the signs of life of all others
                    logger.exception("unexpected error while keeping streams alive")


def keep_alive(now: float) -> None:
    """Write an event to each client that has waited too long."""
    for flow, turn in list(exchange.live.items()):
        body = turn.body
        if body is not None and not body.translator.done and now - body.last_sent >= SILENCE:
            compat.write_event(flow, body.sign_of_life)
