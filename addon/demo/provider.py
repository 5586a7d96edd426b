"""The demo's provider: a recording played by place, event by event, so that everybody can follow it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.recording import RecordingError
from addon.recording.playback import CHAT_PATH, Answer, PlayingProvider, by_event

Json = dict[str, Any]


@dataclass(frozen=True)
class RecordedTurn:
    """One exchange with the provider: the chat request, and the streamed answer as it came."""

    request: Json
    answer: bytes

    @property
    def model(self) -> str:
        return str(self.request.get("model", ""))


def recording_path() -> Path:
    """The demo's recording: beside the packages in a checkout, inside the addon package in a wheel."""
    package = Path(__file__).resolve().parent.parent
    places = [package.parent / "recordings" / "demo.flow", package / "recordings" / "demo.flow"]
    for place in places:
        if place.is_file():
            return place
    raise RecordingError(f"The demo's recording is missing: neither {places[0]} nor {places[1]} exists. Reinstall.")


def read_recording(path: Path) -> list[RecordedTurn]:
    """The upstream exchanges of a flow file, in order. Raises RecordingError."""
    from mitmproxy.exceptions import FlowReadException
    from mitmproxy.http import HTTPFlow
    from mitmproxy.io import FlowReader

    turns: list[RecordedTurn] = []
    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                if not isinstance(flow, HTTPFlow) or not flow.response or not flow.response.content:
                    continue
                if flow.request.path.split("?")[0].endswith(CHAT_PATH):
                    turns.append(RecordedTurn(json.loads(flow.request.get_content() or b"{}"), flow.response.content))
    except OSError as error:
        raise RecordingError(f"Cannot read {path}: {error.strerror}.") from None
    except (FlowReadException, ValueError) as error:
        raise RecordingError(f"{path} is not a usable flow file: {error}") from None
    if not turns:
        raise RecordingError(f"{path} holds no answered request to a path ending in {CHAT_PATH}.")
    return turns


def recorded_outputs(turns: list[RecordedTurn]) -> dict[str, str]:
    """call id -> what the tool printed when the recording was made."""
    messages = [message for turn in turns for message in turn.request.get("messages", ())]
    return {m["tool_call_id"]: str(m.get("content", "")) for m in messages if m.get("role") == "tool"}


class ReplayProvider(PlayingProvider):
    """Answers each chat request with the recorded turn that stands at the same place in the conversation.

    The place is the number of assistant messages the request already holds, so a retried request gets the same answer,
    and whoever asks is led through the recording whatever it says. pause: seconds between two events.
    """

    def __init__(self, turns: Sequence[RecordedTurn], pause: float) -> None:
        def choose(request: Json) -> Answer:
            said = sum(1 for message in request.get("messages", ()) if message.get("role") == "assistant")
            return Answer(by_event(turns[min(said, len(turns) - 1)].answer, pause))

        super().__init__(choose, models=[turns[0].model] if turns else [])
