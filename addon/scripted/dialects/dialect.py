"""One provider to be played: what it refuses, in which words, and how it streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from addon.scripted.chunks import Call
from addon.scripted.dialects.limits import Complaint, Limits, judge
from addon.scripted.dialects.refusals import Refusal, nested
from addon.scripted.dialects.returned import Back, foreign_ids, return_complaints
from addon.scripted.dialects.styles import Style
from addon.scripted.replies import Reply, Said
from addon.scripted.scenario import Seen

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """name: of the row, the profile's own or that and a model in brackets. profile: how the relay knows the provider.
    model: one of its models, which decides between variants. urls: the base URLs it is documented to have; a server of
    one's own has none. base: the path of a row without URLs. back: how reasoning has to come back. counted: (cached,
    reasoning) tokens that its usage tells.
    """

    name: str
    model: str
    urls: tuple[str, ...] = ()
    base: str = ""
    limits: Limits = field(default_factory=Limits)
    back: Back = "reasoning_content"
    style: Style = field(default_factory=Style)
    refusal: Refusal = field(default_factory=lambda: nested("invalid_request_error"))
    counted: tuple[int, int] = (256, 7)

    @property
    def profile(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        """Where chat requests arrive."""
        own = urlsplit(self.urls[0]).path.rstrip("/") if self.urls else self.base
        return (own or "/v1") + "/chat/completions"

    def judge(self, body: Json, said: Sequence[Said]) -> list[Complaint]:
        """What it has against a request, when it said `said` before."""
        found = judge(body, self.limits)
        if not found:
            found = [Complaint("reasoning", text) for text in return_complaints(body, said, self.back)]
        if self.limits.own_ids:
            found += [Complaint("call", text) for text in foreign_ids(body, said)]
        return found

    def refuse(self, complaint: Complaint) -> Reply:
        return self.refusal(complaint)

    def says(
        self, text: str = "", *, reasoning: str = "", calls: Sequence[Call] | Callable[[Seen], Sequence[Call]] = ()
    ) -> Callable[[Seen], Reply]:
        """A step of a script: this answer, streamed its way."""

        def step(seen: Seen) -> Reply:
            made = calls(seen) if callable(calls) else calls
            return self.style.answer(text, reasoning=reasoning, calls=made, turn=seen.number)

        return step
