"""Turns of a flow file in one pass: one flow in memory at a time, so that a file may be larger than the memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mitmproxy import exceptions, http, io

from addon.recording import RecordingError
from addon.recording.flows import why_unreadable

_TOLD = 5.0  # seconds between two lines of progress


@dataclass
class Reading:
    """What a pass has found. damage: why the file could not be read to its end; what stands before that counts."""

    path: Path
    flows: int = 0
    damage: str = ""

    def turns(self) -> Iterator[http.HTTPFlow]:
        """HTTP flows, in the order of the file. Raises RecordingError when it is no flow file or can't be read."""
        if self.path.is_dir():
            raise RecordingError(f"{self.path} is a folder; name a flow file in it")
        try:
            with self.path.open("rb") as file:
                yield from self._flows(file)
        except OSError as error:
            raise RecordingError(f"{self.path} can't be read: {error.strerror or error}") from error

    def _flows(self, file: BinaryIO) -> Iterator[http.HTTPFlow]:
        size, told = self.path.stat().st_size, time.monotonic()
        flows = iter(io.FlowReader(file).stream())
        while True:
            try:
                flow = next(flows, None)
            except exceptions.FlowReadException as error:
                if not self.flows:
                    raise RecordingError(why_unreadable(self.path, error)) from error
                self.damage = str(error)
                return
            if flow is None:
                return
            self.flows += 1
            if isinstance(flow, http.HTTPFlow):
                yield flow
            if size and time.monotonic() - told > _TOLD:
                told = time.monotonic()
                print(f"codex-relay: {file.tell() / size:.0%} of {self.path.name} read", file=sys.stderr, flush=True)
