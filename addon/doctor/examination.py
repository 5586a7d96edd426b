"""The order of the examination. What can't be looked at without an earlier thing is skipped, and said to be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from addon import demo, processes
from addon.codex.versions import NEWEST, Version
from addon.demo.screen import Screen
from addon.doctor import Finding, codex, config, endpoint, failed, key, ok, relay, skipped, turn, warning
from addon.doctor.config import Settled
from addon.model_lists import USUAL, Trust
from addon.providers import Provider, known_providers, parse_upstream

if TYPE_CHECKING:
    from relay_translate.catalog import ModelFacts

PORT = "port"


@dataclass
class Examination:
    """What is looked at, and what is known so far.

    provider: None when it is only known through a relay that runs. base_url: that relay's, "" when one is started for
    the turn. client_key: the variable whose key a client sends to that relay. asks: whether a turn is paid for.
    tell: a line for the person who waits. trust: whose certificates are taken from the provider.
    """

    home: Path
    provider: Provider | None = None
    base_url: str = ""
    model: str = ""
    client_key: str = ""
    asks: bool = True
    timeout: float = turn.LIMIT
    port: int = 4444
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    tell: Callable[[str], None] = print
    trust: Trust = USUAL

    version: Version = NEWEST
    settled: Settled = field(default_factory=Settled)
    usable: bool = True  # nothing has been found that makes a turn hopeless
    models: Sequence[ModelFacts] | None = None

    def findings(self) -> Iterator[Finding]:
        """As they are made. Nothing that is wrong is raised."""
        found, self.version = codex.look()
        yield found
        upstream = self.provider.upstream if self.provider else None
        self.settled = config.look(self.home, self.version, self.environ, upstream, Path.cwd())
        yield from self.settled.findings
        yield codex.look_at_mitmproxy()
        yield self._listening()
        yield from self._provider()
        yield from self._turn()

    def _listening(self) -> Finding:
        """Whether a relay runs where Codex would look for one; without a provider of the user's it is examined."""
        given = bool(self.base_url)
        expected = self.base_url or self.settled.relay
        base_url = expected or f"http://127.0.0.1:{self.port}/v1"
        where, port = urlsplit(base_url).netloc, urlsplit(base_url).port or 80
        state = relay.state(base_url)
        if state == "relay":
            if given or self.provider is None:
                self._take(base_url)
            return ok(PORT, f"a relay listens at {where}")
        self.usable = self.usable and not given
        says = f"no relay but something else listens at {where}"
        if given:
            says = says if state == "other" else f"nothing listens at {where}"
            return failed(PORT, says, f"start the relay (codex-relay --port {port}), or give its address")
        if state == "other" and expected:
            return failed(PORT, f"{says}, where config.toml looks for a relay", config.WRITE)
        if state == "other":
            return warning(PORT, says, "stop it, or choose another port: codex-relay --port N")
        if expected:
            says = f"no relay runs at {where}, where config.toml looks for it"
            return warning(PORT, says, f"start it before Codex: codex-relay --port {port}")
        if why := processes.why_not_listen(port):
            return warning(PORT, f"{where} can't be had: {why}", "choose another port: codex-relay --port N")
        return ok(PORT, f"{where} is free for a relay")

    def _take(self, base_url: str) -> None:
        self.base_url = base_url
        if not self.client_key and urlsplit(base_url).netloc == urlsplit(self.settled.base_url).netloc:
            self.client_key = self.settled.env_key

    @property
    def _clients_key(self) -> str:
        return self.environ.get(self.client_key, "").strip() if self.client_key else ""

    def _provider(self) -> Iterator[Finding]:
        """The key and the endpoint; through the relay that runs where nobody said which provider it is."""
        if not self.usable:
            yield skipped(endpoint.ABOUT, "there is no relay to ask")
            return
        provider: Provider | None = self.provider
        if provider is not None:
            found, provider = key.look(provider, self.environ)
            yield found
        elif self.base_url:
            provider = Provider("relay", parse_upstream(self.base_url), "", self.client_key, self._clients_key)
        else:
            self.usable = False
            yield skipped(endpoint.ABOUT, "no provider is named, and no relay runs", f"name one: {self._example}")
            return
        if provider is None:
            self.usable = False
            yield skipped(endpoint.ABOUT, "nothing is asked without the key")
            return
        listed = endpoint.look(provider, trust=self.trust)
        self.usable, self.models = listed.usable, listed.models
        yield listed.finding

    @property
    def _example(self) -> str:
        found = (one.name for one in known_providers() if one.variable and self.environ.get(one.variable, "").strip())
        name = next(found, "")
        return f"--provider {name} (its key is set)" if name else "--provider NAME"

    def _turn(self) -> Iterator[Finding]:
        """The model, and a question to it."""
        if not self.usable:
            yield skipped(turn.ABOUT, "what is missing above comes first")
            return
        model, found = endpoint.choose_model(self.model, self.settled.model, self.models)
        yield found
        if not model:
            yield skipped(turn.ABOUT, "there is no model to ask")
        elif not self.asks:
            yield skipped(turn.ABOUT, "as asked (--no-turn)")
        else:
            self.tell(f"asking {model} one small question through the relay; it costs {turn.COST}")
            yield self._asked(model)

    def _asked(self, model: str) -> Finding:
        names = [one.id for one in self.models or ()]
        try:
            if self.base_url:
                answer = turn.ask(self.base_url, model, self._clients_key, self.timeout)
            else:
                answer = asyncio.run(demo.cancellable(self._through_own_relay(model), Screen()))
        except asyncio.CancelledError:  # a signal; the relay has been stopped
            raise KeyboardInterrupt from None
        except turn.TurnFailed as problem:
            return turn.failure(problem, names, model)
        except relay.NoRelay as problem:
            return failed(turn.ABOUT, f"the relay did not start: {problem}", "mend that, and try again")
        return turn.judge(answer, model)

    async def _through_own_relay(self, model: str) -> turn.Answer:
        assert self.provider is not None
        port = processes.free_port()
        has_key = bool(self.environ.get(self.provider.variable, "").strip())
        options = relay.options(self.provider, port, self.trust, has_key=has_key)
        async with relay.own(options, port, self.provider.variable) as base_url:
            return await asyncio.to_thread(turn.ask, base_url, model, "", self.timeout)
