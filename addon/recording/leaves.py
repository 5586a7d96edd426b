"""Which recorded turns end a conversation: those that no later one goes on from. Only digests are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .conversations import Chain
from .flows import RecordedTurn

Place = tuple[int, int]  # (number of the file, number of the turn in it), from 0
_Key = tuple[str, str, bytes]  # (rule, the client's name for the conversation, digest)


@dataclass
class Leaf:
    """The last turn of a conversation, as far as is known. started: Unix seconds, when its first turn began.
    tools: the last of its turns that offered any (a compaction offers none). keys: under which it is found again."""

    place: Place
    started: float
    tools: Place | None
    keys: tuple[_Key, ...] = ()


class Leaves:
    """Takes the turns one by one, in the order in which they were recorded.

    A later turn takes an earlier one's place
    - when its messages go on from all that was said in it;
    - in the same thread, when they are the same, or go on from what was asked: the client keeps the answer in words
      of its own;
    - in the same thread, when the earlier turn failed and the same was asked again.
    A history that was replaced by a summary begins anew, and so does one that was cut back.
    """

    def __init__(self) -> None:
        self._found: dict[Place, Leaf] = {}
        self._waiting: dict[_Key, list[Leaf]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Leaf]:
        yield from self._found.values()

    def add(self, place: Place, turn: RecordedTurn, chain: Chain) -> None:
        leaf = Leaf(place, turn.client.request.timestamp_start, place if chain.has_tools else None)
        for before in self._superseded(turn.thread, chain):
            leaf.started = min(leaf.started, before.started)
            leaf.tools = leaf.tools or before.tools
        whole = turn.facts.get("status") == "completed" and not turn.facts.get("truncated")
        leaf.keys = tuple(_waiting_for(turn.thread, chain, whole))
        self._found[place] = leaf
        for key in leaf.keys:
            self._waiting.setdefault(key, []).append(leaf)

    def _superseded(self, thread: str, chain: Chain) -> list[Leaf]:
        """The leaves that a turn takes the place of, the latest first; they are none any more."""
        found = {leaf.place: leaf for key in _offered(thread, chain) for leaf in self._waiting.get(key, ())}
        for leaf in found.values():
            self._drop(leaf)
        return sorted(found.values(), key=lambda leaf: leaf.place, reverse=True)

    def _drop(self, leaf: Leaf) -> None:
        del self._found[leaf.place]
        for key in leaf.keys:
            waiting = self._waiting[key]
            waiting.remove(leaf)
            if not waiting:
                del self._waiting[key]


def _waiting_for(thread: str, chain: Chain, whole: bool) -> Iterator[_Key]:
    """What a later turn has to offer to take this one's place."""
    asked, said = chain.asked[-1], chain.said[-1]
    if chain.is_answered:
        yield "gone on", "", said
        yield "the same", thread, said
    if not whole:
        yield "the same", thread, asked
    elif thread:
        yield "gone on", thread, asked


def _offered(thread: str, chain: Chain) -> Iterator[_Key]:
    for digest in dict.fromkeys([*chain.asked, *chain.said]):
        yield "the same", thread, digest
        if digest != chain.said[-1]:  # the very same words in two threads are two conversations
            yield "gone on", "", digest
        if thread and digest != chain.asked[-1]:
            yield "gone on", thread, digest
