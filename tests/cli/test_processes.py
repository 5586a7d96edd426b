"""Children and their groups."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import cast

import pytest

from addon import processes

pytestmark = pytest.mark.asyncio


class Ended:
    """A process that has ended long ago."""

    returncode = 0

    def __init__(self, pid: int) -> None:
        self.pid = pid

    async def wait(self) -> int:
        return 0


async def test_a_number_that_another_group_has_now_is_left_alone() -> None:
    async with processes.running(["sleep", "20"], Path.cwd(), dict(os.environ)) as stranger:
        await processes.stop(cast("asyncio.subprocess.Process", Ended(stranger.pid)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stranger.wait(), 0.2)


async def test_what_a_child_has_left_ends_with_it(tmp_path: Path) -> None:
    """Here it holds the pipe, without which the child's end is not told."""
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    async with processes.running([sys.executable, "-c", code], tmp_path, dict(os.environ)) as process:
        assert process.stdout is not None
        left = int(await process.stdout.readline())
        assert await asyncio.wait_for(process.wait(), 10) == 0
    for _ in range(100):
        try:
            ended = Path(f"/proc/{left}/stat").read_text().split()[2] == "Z"
        except OSError:
            ended = True
        if ended:
            break
        await asyncio.sleep(0.02)
    assert ended
