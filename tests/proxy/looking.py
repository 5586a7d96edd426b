"""What stands behind the relay where somebody looks: mitmproxy's own list of flows and its intercept, and a witness who
sees each flow whenever a browser or the console would be told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import flow, http
from mitmproxy.addons.intercept import Intercept
from mitmproxy.addons.view import View

from .wire import until


class Looking:
    def __init__(self) -> None:
        self.view, self.intercept = View(), Intercept()
        self.updates = 0
        self.states: list[str] = []  # everything a flow holds, each time it is told of
        self.view.sig_view_add.connect(self._told)
        self.view.sig_view_update.connect(self._told)

    @property
    def addons(self) -> Sequence[Any]:
        return (self.intercept, self.view)

    @property
    def flows(self) -> list[Any]:
        """As the console lists them."""
        return list(self.view)

    @property
    def seen(self) -> str:
        return "\n".join(self.states)

    def _told(self, flow: flow.Flow) -> None:
        self.updates += 1
        self.states.append(repr(flow.get_state()))

    async def held(self) -> http.HTTPFlow:
        """The flow that waits for a person."""
        await until(lambda: any(one.intercepted for one in self.flows))
        return next(one for one in self.flows if one.intercepted)

    async def shows(self, count: int, when: Callable[[http.HTTPFlow], object] = lambda _: True) -> list[Any]:
        await until(lambda: len([one for one in self.flows if when(one)]) >= count)
        return [one for one in self.flows if when(one)]

    def resume(self, flow: http.HTTPFlow) -> None:
        """As mitmweb does it."""
        flow.resume()
        self.view.update([flow])
