"""The second script of a start by command: tells where the relay listens, where requests go, and with which models.

The first line is printed whatever the log's level is: those who start the relay as a child wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from ipaddress import ip_address

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from addon.cli import engine, serving
from addon.cli.announcement import codex_words, described
from addon.model_lists import ListFailed
from addon.providers import Provider
from addon.settings import Settings
from addon.stand_ins import Single, lists, served
from relay_translate.errors import one_line

logger = logging.getLogger(__name__)

LISTENS = "codex-relay listens on "
SHOWN = 8  # models


class Announce:
    def __init__(self) -> None:
        self._asking: set[asyncio.Task[None]] = set()

    def load(self, loader: Loader) -> None:
        loader.add_option("announce_models", bool, True, "Ask the providers for their models at the start.")

    def running(self) -> None:
        self._watch_interrupts()
        relay = ctx.master.addons.get("relay")
        settings: Settings | None = getattr(relay, "settings", None)
        providers = served(settings) if settings else []
        addresses = ctx.master.addons.get("proxyserver").listen_addrs()
        listening = list(dict.fromkeys((host, port) for host, port, *_ in addresses))  # TCP, and UDP for HTTP/3
        for host, port in listening:
            print(f"{LISTENS}{serving.base_url(host, port)}", flush=True)
            if not ip_address(host).is_loopback and not ip_address(host).is_unspecified:  # of that the relay warns
                logger.warning("whoever reaches %s can use the relay, and the keys that it has", host)
        for provider in providers:
            for line in described(provider):
                logger.info("%s", line)
        for host, port in listening[:1]:
            logger.info("%s", codex_words(port, host, providers))
        for provider in providers if settings and ctx.options.announce_models else ():
            task = asyncio.get_running_loop().create_task(self._models(provider, settings))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def done(self) -> None:
        for task in self._asking:
            task.cancel()

    def _watch_interrupts(self) -> None:
        """Ctrl-C stops mitmproxy as ever, but the exit status tells it from a wish to stop."""

        def stop() -> None:
            engine.interrupted = True
            ctx.master.shutdown()

        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)

    async def _models(self, provider: Provider, settings: Settings) -> None:
        name = provider.name or provider.upstream.authority
        try:
            models = await lists.models(provider)
        except ListFailed as failed:
            if isinstance(provider, Single) and not provider.key:
                logger.info("models of %s are not known: %s (the relay has no key)", name, failed)
            else:
                logger.warning("models of %s are not known: %s; codex-relay doctor tells more", name, failed)
            return
        except Exception:
            logger.exception("unexpected error in the model list of %s", name)
            return
        shown = ", ".join(one_line(model.id) for model in models[:SHOWN])
        rest = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
        logger.info("models of %s: %s%s", name, shown or "none that holds conversations", rest)
        lists.point_out(settings)


addons = [Announce()]
