"""Views of bodies for both of mitmproxy's interfaces: that of 11 wants lines, that of 12 a text."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import Any, Protocol

from mitmproxy import contentviews, flow

from . import compat

logger = logging.getLogger(__name__)

_KEY = re.compile(r"(  \d+ )?\w[\w./ (),-]{0,60}:(?= |$)")  # a title or an item's label; texts stand deeper


class BodyView(Protocol):
    """What a body can be shown as. priority: above 1 is chosen by itself, below 0 never is."""

    name: str

    def priority(self, data: bytes, flow: flow.Flow | None, message: object) -> float: ...

    def render(self, data: bytes, flow: flow.Flow | None, message: object) -> str: ...


def add_body_view(view: BodyView) -> None:
    """Offer a view in the list of mitmproxy's own; once in a process. A view that fails shows the body as it is."""
    modern, registry = getattr(contentviews, "Contentview", None), getattr(contentviews, "registry", None)
    if registry is None and contentviews.get(view.name) is None:
        contentviews.add(_line_view(view))
    elif registry is not None and view.name.lower() not in registry:
        contentviews.add(_modern_view(view, modern))


def _modern_view(view: BodyView, base: Any) -> Any:
    class Adapter(base):  # type: ignore[misc]
        name = view.name
        syntax_highlight = "yaml"

        def prettify(self, data: bytes, metadata: Any) -> str:
            return _rendered(view, data, metadata.flow, metadata.http_message)

        def render_priority(self, data: bytes, metadata: Any) -> float:
            return view.priority(data, metadata.flow, metadata.http_message)

    return Adapter()


def _line_view(view: BodyView) -> Any:
    class Adapter(contentviews.View):  # type: ignore[misc,name-defined,unused-ignore]
        name = view.name

        def __call__(self, data: bytes, *, flow: Any = None, http_message: Any = None, **_: Any) -> Any:
            lines = _rendered(view, data, flow, http_message).split("\n")
            return view.name, (_styled(line) for line in lines)

        def render_priority(self, data: bytes, *, flow: Any = None, http_message: Any = None, **_: Any) -> float:
            return view.priority(data, flow, http_message)

    return Adapter()


def _styled(line: str) -> list[tuple[str, str]]:
    key = _KEY.match(line)
    return [("header", key[0]), ("text", line[key.end() :])] if key else [("text", line or " ")]


def _focus_on(shown: flow.Flow | None) -> None:
    """`@focus` is what somebody has open in mitmweb's page, which never tells what is selected there: without this it
    is the first flow of the list."""
    if compat.is_web() and shown is not None:
        with contextlib.suppress(ValueError):  # it is not in the list
            compat.viewer().focus.flow = shown


def _rendered(view: BodyView, data: bytes, flow: Any, message: Any) -> str:
    try:
        _focus_on(flow)
        return view.render(data, flow, message)
    except Exception as error:
        logger.debug("the view %s failed", view.name, exc_info=True)
        return f"# not shown as {view.name}: {error}\n" + data.decode("utf-8", "replace")
