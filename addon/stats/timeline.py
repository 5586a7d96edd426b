"""A session over time as a picture: a row for each thread, its turns and tools above, its context below.

matplotlib is imported when something is drawn: it is an extra of the package. Nothing here depends on a display, on
fonts of the machine or on the date, so the same recording gives the same file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from addon.recording import RecordingError
from relay_translate.errors import one_line
from relay_translate.transcript import count

from .session import Clock, Session, Turn
from .table import short

__all__ = ["Session", "check", "draw"]

MOST_ROWS = 12
_MOST_TICKS = 100
_INCHES = (14.0, 1.8)  # width; height of a row
_BAR = (0.05, 0.55)  # where a turn's bar begins and its height; errors are named above
_WAITING, _STREAMING, _TOOLS, _FAILED = "#e8b04a", "#2f6fab", "#8d9aa5", "#c8352b"
_CACHED, _FRESH, _FAINT = "#9cc3a5", "#3f8f5b", "#d7dce0"
_STEPS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    43200,
    86400,
)
_LOOK = {
    "svg.hashsalt": "codex-relay",
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.edgecolor": _TOOLS,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
}


def check(out: Path, recording: Path) -> None:
    """Raises RecordingError, before a long file is read for nothing, when the picture could not be drawn."""
    if find_spec("matplotlib") is None:
        raise RecordingError("--plot needs matplotlib, which is not here: pip install 'codex-relay[plot]'")
    if out.exists() and recording.exists() and out.samefile(recording):
        raise RecordingError(f"{out} is the recording itself; give another name to --plot")
    if not out.resolve().parent.is_dir():
        raise RecordingError(f"{out} can't be written: there is no folder {out.resolve().parent}")


def draw(session: Session, out: Path, name: str) -> Iterator[str]:
    """Write the picture; gives what is to be told about it. name: of the recording."""
    import matplotlib
    from matplotlib.figure import Figure

    threads = session.in_order()
    # The longest threads, if there are more than can be looked at; in their order.
    chosen = sorted(sorted(range(len(threads)), key=lambda i: -len(threads[i][1]))[:MOST_ROWS])
    clock = Clock(turn for i in chosen for turn in threads[i][1])
    with matplotlib.rc_context(_LOOK):
        height = 1.0 + _INCHES[1] * len(chosen)
        figure = Figure(figsize=(_INCHES[0], height), layout=None)
        inch = 1 / height
        grid = figure.add_gridspec(
            len(chosen), 1, left=0.065, right=0.985, top=1 - 0.85 * inch, bottom=0.42 * inch, hspace=0.36
        )
        highest = max((turn.tokens_in for i in chosen for turn in threads[i][1]), default=0)
        for row, i in enumerate(chosen):
            parts = grid[row].subgridspec(2, 1, height_ratios=(1, 1.9), hspace=0.06)
            above, below = (figure.add_subplot(part) for part in parts)
            _thread(above, below, f"Thread {i + 1}", threads[i][1], clock, highest)
            _time_axis(below, clock, last=row == len(chosen) - 1)
        _head(figure, name, session, height)
        _save(figure, out)
    yield f"{out}  {len(chosen)} of {len(threads)} threads drawn" if len(chosen) < len(threads) else f"{out}  drawn"
    if session.left_out:
        more = "turn more is" if session.left_out == 1 else "turns more are"
        yield f"{session.left_out:,} {more} not in the picture"


def _save(figure: Any, out: Path) -> None:
    part = out.with_name(f".{out.name}.part")
    kind = out.suffix.lower()[1:]
    metadata = {"Date": None, "Creator": "codex-relay stats"} if kind == "svg" else {"Software": None}
    try:
        figure.savefig(part, format=kind, metadata=metadata, dpi=110)
        os.replace(part, out)
    except OSError as error:
        raise RecordingError(f"{out} can't be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _head(figure: Any, name: str, session: Session, height: float) -> None:
    from matplotlib.patches import Patch

    turns = [turn for turns in session.threads.values() for turn in turns]
    asked, cached = sum(turn.tokens_in for turn in turns), sum(turn.cached for turn in turns)
    hit = f" ({cached / asked:.0%} cached)" if asked else ""
    said = f"{short(asked)} tokens in{hit}, {short(sum(turn.tokens_out for turn in turns))} out"
    title = f"{one_line(name)}   {count(len(turns), 'turn')} of {count(len(session.threads), 'thread')}, {said}"
    figure.text(0.065, 1 - 0.26 / height, _plain(title), fontsize=12, fontweight="bold", va="center")
    keys = [
        Patch(facecolor=_WAITING, label="waiting for the first token"),
        Patch(facecolor=_STREAMING, label="streaming"),
        Patch(facecolor=_FAILED, label="failed"),
        Patch(facecolor="white", edgecolor=_TOOLS, hatch="////", label="Codex runs tools"),
        Patch(facecolor=_CACHED, label="context, from the cache"),
        Patch(facecolor=_FRESH, label="context, new"),
    ]
    figure.legend(
        handles=keys, loc="center left", bbox_to_anchor=(0.06, 1 - 0.52 / height), ncols=len(keys), frameon=False,
        fontsize=9, handlelength=1.4, columnspacing=1.6,
    )  # fmt: skip


def _thread(above: Any, below: Any, label: str, turns: list[Turn], clock: Clock, highest: int) -> None:
    models = list(dict.fromkeys(one_line(turn.model) for turn in turns))
    failed = sum(turn.status == "failed" for turn in turns)
    busy = _duration(sum(turn.total for turn in turns))
    facts = [
        count(len(turns), "turn"),
        f"the model at work for {busy}",
        f"{failed} failed" if failed else "",
    ]
    shown = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    title = f"{label}   {shown}   {', '.join(fact for fact in facts if fact)}"
    above.set_title(_plain(title), loc="left", fontsize=9.5, pad=3)
    above.set_xlim(0, clock.end or 1)
    above.set_ylim(0, 1)
    above.axis("off")
    _turn_bars(above, turns, clock)
    _tool_gaps(above, turns, clock)
    _context(below, turns, clock)
    below.set_xlim(0, clock.end or 1)
    below.set_ylim(0, highest * 1.08 or 1)
    below.yaxis.set_major_formatter(lambda value, _: short(round(value)))
    below.yaxis.set_major_locator(_ticks(3))
    below.grid(axis="y", color=_FAINT, linewidth=0.6)
    below.set_axisbelow(True)
    below.set_ylabel("tokens", fontsize=8)
    below.tick_params(labelsize=8, length=2)


def _turn_bars(axes: Any, turns: list[Turn], clock: Clock) -> None:
    least = (clock.end or 1) / 500  # what can be seen at all
    for turn in turns:
        start, said, end = clock.at(turn.begun), clock.at(turn.begun + turn.first_token), clock.at(turn.end)
        axes.broken_barh([(start, said - start)], _BAR, facecolor=_WAITING, linewidth=0)
        width = max(end - said, least)
        failed = turn.status == "failed"
        colour = _FAILED if failed else _STREAMING
        axes.broken_barh(
            [(max(end - width, start), width)], _BAR, facecolor=colour, linewidth=0, zorder=3 if failed else 1
        )
    _errors(axes, turns, clock)


def _errors(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """The names of errors above their turns, where there is room behind the name before."""
    free = 0.0
    for turn in turns:
        text = one_line(turn.error)[:40]
        room = len(text) * 0.0058 * clock.end
        start = min(clock.at(turn.begun), clock.end - room)
        if text and start >= free:
            axes.text(start, sum(_BAR), _plain(text), fontsize=7.5, color=_FAILED, va="bottom")
            free = start + room


def _tool_gaps(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """From the end of a turn that called tools to the next one, when their outputs come back."""
    for turn, after in pairwise(turns):
        start, end = clock.at(turn.end), clock.at(after.begun)
        if not turn.calls or end <= start:
            continue
        axes.broken_barh(
            [(start, end - start)], (0.15, 0.35), facecolor="white", edgecolor=_TOOLS, hatch="////", linewidth=0.5
        )
        name = f"{turn.calls[0]}{f' +{len(turn.calls) - 1}' if len(turn.calls) > 1 else ''}"
        if (end - start) / clock.end > len(name) * 0.005:
            axes.text(
                (start + end) / 2, 0.5, _plain(name), fontsize=7, ha="center", va="center",
                bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
            )  # fmt: skip


def _context(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """Each turn's input from its beginning to the next one's; the last one's to its own end."""
    counted = [turn for turn in turns if turn.tokens_in]
    ends = [*(turn.begun for turn in counted[1:]), counted[-1].end] if counted else []
    least = (clock.end or 1) / 1500
    for turn, end in zip(counted, ends, strict=True):
        start = clock.at(turn.begun)
        width = max(clock.at(end) - start, least)
        axes.bar(start, turn.cached, width, align="edge", color=_CACHED, linewidth=0)
        axes.bar(
            start, turn.tokens_in - turn.cached, width, bottom=turn.cached, align="edge", color=_FRESH, linewidth=0
        )
    if not counted:
        axes.text(0.5, 0.5, "no token counts", transform=axes.transAxes, ha="center", va="center", color=_TOOLS)


def _time_axis(axes: Any, clock: Clock, *, last: bool) -> None:
    """Ticks at round moments since the start of the session; shortened pauses are marked and named."""
    step = _step(clock.end)
    places: list[float] = []
    texts = []
    for real in round_moments(clock, step):
        place = clock.at(clock.start + real)
        if place <= clock.end and (not places or place - places[-1] > clock.end / 30):
            places.append(place)
            texts.append(_elapsed(real, step))
    axes.set_xticks(places, texts if last else [""] * len(texts))
    for pause in clock.pauses:
        axes.axvspan(
            pause.drawn_at - clock.room / 2, pause.drawn_at + clock.room / 2, color="#f2f3f4", linewidth=0, zorder=0
        )
        axes.text(
            pause.drawn_at, 0.96, _duration(pause.end - pause.start), transform=axes.get_xaxis_transform(), fontsize=7,
            color="#5d6872", ha="center", va="top", rotation=90,
        )  # fmt: skip


def _step(drawn: float) -> float:
    """Seconds from tick to tick, so that there are some ten of them; days where even one a day is too many."""
    return next((step for step in _STEPS if drawn / step <= 10), _STEPS[-1] * math.ceil(drawn / 10 / _STEPS[-1]))


def round_moments(clock: Clock, step: float) -> Iterator[float]:
    """Multiples of the step in seconds since the start, to the end; a pause, of whatever length, is jumped over.

    They are counted, as a sum of steps such as 0.05 misses its multiples."""
    until, number = clock.end + clock.left_out, 0
    for _ in range(_MOST_TICKS + 2 * len(clock.pauses)):  # times that no clock tells can't hold it up
        real = round(number * step, 6)
        if real > until:
            return
        pause = next((pause for pause in clock.pauses if pause.start < clock.start + real < pause.end), None)
        if pause is None:
            yield real
        number = max(number + 1, math.ceil((pause.end - clock.start) / step) if pause else 0)


def _ticks(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True)


def _elapsed(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}"


def _duration(seconds: float) -> str:
    """`0.02 s`, `4.2 s`, `42 s`, `12 min`, `3.5 h`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _plain(text: str) -> str:
    """Others' words without matplotlib's own markup."""
    return text.replace("$", r"\$")
