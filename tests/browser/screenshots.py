"""`python -m tests.browser.screenshots [--out FOLDER]`: the README's pictures, from a real mitmweb in a real Chromium.

The turns of the demo's recording are played again, so that every run shows the same; only times differ. A picture's name
begins with mitmproxy's version: run it once for each. The markers in the list need an emoji font (Debian:
fonts-noto-color-emoji).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon import processes
from addon.recording.flows import RecordedTurn, body_of, open_recording
from addon.scripted.replies import Reply, Until, Wait, error
from tests.browser.chromium import browser, why_not
from tests.browser.page import Page
from tests.browser.world import MITMPROXY, World, world

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "recordings" / "demo.flow"
PROVIDER = "http://provider.example"
PORT = 4444  # the README's
COLOURS = 255
LIMIT = 60.0
_OWN = ("content-length", "content-encoding", "host", "transfer-encoding")


@dataclass
class Camera:
    page: Page
    folder: Path

    def take(self, name: str) -> None:
        from PIL import Image

        image = Image.open(io.BytesIO(self.page.driver.get_screenshot_as_png())).convert("RGB")
        path = self.folder / f"{MITMPROXY.partition('.')[0]}-{name}.png"
        few = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        print(f"{path}  {image.width} x {image.height}, {path.stat().st_size / 1000:.0f} kB", flush=True)


def send(turn: RecordedTurn, body: bytes = b"") -> bytes:
    """The recorded request again, as its client sent it; gives the answer."""
    headers = {name: value for name, value in turn.client.request.headers.items() if name.lower() not in _OWN}
    headers["authorization"] = "Bearer a-key-that-no-picture-may-show"
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=LIMIT)
    try:
        connection.request("POST", turn.client.request.path, body or body_of(turn.client.request), headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def paced(turn: RecordedTurn, *, first: float, by: float, stop: tuple[int, threading.Event] | None = None) -> Reply:
    """The recorded answer: seconds to its first event, and between two. stop: after so many events it waits."""
    events = [event + b"\n\n" for event in body_of(turn.upstream and turn.upstream.response).split(b"\n\n") if event]
    pieces: list[Any] = [Wait(first)]
    for number, event in enumerate(events):
        if stop is not None and number == stop[0]:
            pieces.append(Until(stop[1].is_set))
        pieces += [event, Wait(by)]
    return Reply(tuple(pieces))


def play(here: World, camera: Camera) -> None:
    turns, page = list(open_recording(RECORDING).turns()), camera.page
    write, run_it, tell = turns
    stop, so_far = threading.Event(), body_of(tell.upstream and tell.upstream.response).count(b"\n\n") * 2 // 3
    here.play(
        error(429, "Rate limit reached: 10 requests per minute. Try again in 2 s.", code="rate_limit_exceeded"),
        paced(write, first=0.6, by=0.03),
        paced(run_it, first=0.4, by=0.03),
        paced(tell, first=0.5, by=0.03, stop=(so_far, stop)),
        paced(tell, first=0.2, by=0.01),
    )

    def start(turn: RecordedTurn) -> Future[bytes]:
        return here.start(asyncio.to_thread(send, turn))

    for turn in (write, write, run_it):
        start(turn).result(LIMIT)
    last = start(tell)
    page.until(lambda: f"{so_far} pieces" in page.told(), "the turn under way")
    camera.take("flows")
    page.open("Response")
    camera.take("live")
    stop.set()
    last.result(LIMIT)
    page.until(lambda: "8192 cached" in page.told(), "the turn's end")
    _look_at(page, camera, len(page.rows()))
    _hold(here, camera, tell)


def _look_at(page: Page, camera: Camera, count: int) -> None:
    """The request, the answer and the translation of the turn that ran two commands; the error."""
    client, upstream = count - 4, count - 3  # of the last turn but one
    page.open_number(client, "Request")
    page.scroll_to_body()
    camera.take("request")
    page.open_number(client, "Response")
    camera.take("response")
    page.choose("relay translation")
    camera.take("translation")
    page.choose("auto")
    page.open_number(upstream, "Request")
    page.scroll_to_body()
    camera.take("upstream-request")
    page.open_number(0, "Response")
    camera.take("error")


def _hold(here: World, camera: Camera, turn: RecordedTurn) -> None:
    """A request that is held, in the editor."""
    page = camera.page
    page.set_option("relay_intercept", "~u responses")
    waiting = here.start(asyncio.to_thread(send, turn))
    page.until(lambda: (row := page.row()) and row.held, "the held request")
    page.open("Request")
    page.begin_edit()
    page.scroll_to_body()
    camera.take("edit")
    page.end_edit()
    page.resume()
    waiting.result(LIMIT)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / ".github" / "screens", help="where to (.github/screens)")
    options = parser.parse_args(arguments)
    if trouble := why_not() or processes.why_not_listen(PORT):
        print(f"screenshots: {trouble} (port {PORT})" if not why_not() else f"screenshots: {trouble}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    redirect = Path(__file__).with_name("redirect.py")
    with (
        tempfile.TemporaryDirectory(prefix="codex-relay-screens-") as folder,
        world(port=PORT, target=PROVIDER, scripts=[redirect]) as here,
        browser(Path(folder)) as driver,
    ):
        play(here, Camera(Page(driver, here.address), options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
