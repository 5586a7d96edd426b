"""`text/event-stream`, both directions, bytes in and bytes out (WHATWG HTML, section 9.2)."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"


class EventStreamDecoder:
    """Takes any slices of a stream, gives the `data` of each event.

    Lines end in LF, CRLF or CR; slices may fall anywhere, inside a character too, because nothing is
    decoded before a line is whole.  Event names are not reported: chat streams carry their kind in the data.
    `comments` counts the comment lines seen so far; providers send them to say that they are alive.
    """

    def __init__(self) -> None:
        self.comments = 0
        self._rest: list[bytes] = []  # an unfinished line
        self._data: list[bytes] = []
        self._started = False

    def receive(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes, as raw data."""
        if self._rest:
            if b"\n" not in piece and b"\r" not in piece and not self._rest[-1].endswith(b"\r"):
                self._rest.append(piece)  # joined once, when the line ends
                return []
            piece = b"".join([*self._rest, piece])
        if not self._started:
            if len(piece) < 3 and BOM.startswith(piece):
                self._rest = [piece]
                return []
            piece = piece.removeprefix(BOM)
            self._started = True
        if b"\r" in piece:
            # A CR at the end may be half of a CRLF: it waits for the next piece.
            held = b"\r" if piece.endswith(b"\r") else b""
            piece = piece[: len(piece) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        lines = piece.split(b"\n")
        rest = lines.pop()
        self._rest = [rest] if rest else []
        events: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                self._end_event(events)
            elif line.startswith(b":"):
                self.comments += 1
            elif line == b"data":
                self._data.append(b"")
            elif line.startswith((b"error:", b'{"error"')):
                # No field of the standard: older llama.cpp names errors so, others write them without any field.
                self._data.append(line.removeprefix(b"error:").strip())
        return events

    def finish(self) -> list[bytes]:
        """The event that the end of the stream left open. The standard drops it; providers that forget the last
        blank line exist, and a cut event does not parse, so it is worth a look."""
        events = self.receive(b"\n\n") if self._rest or self._data else []
        self._rest = []
        return events

    def _end_event(self, events: list[bytes]) -> None:
        if self._data:
            events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
            self._data = []


def encode_event(kind: str, data: bytes) -> bytes:
    """One event with its name; `data` is JSON on one line."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
