"""A session over time as a picture: a row for each thread, its turns and tools above, its context below.

matplotlib is imported when something is drawn: it is an extra of the package. Nothing here depends on a display or on
the date, and on fonts of the machine only for names in letters that matplotlib's own font lacks, so the same recording
gives the same file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from addon.recording import RecordingError
from relay_translate.transcript import columns, count
from relay_translate.transcript.layout import one_line

from .axis import duration, elapsed, round_moments, step_of
from .fonts import Fonts, fonts_for
from .session import Clock, Session, Turn
from .table import short

__all__ = ["Session", "check", "draw"]

Span = tuple[float, float]  # from where, how wide

MOST_ROWS = 12
_INCHES = (14.0, 1.8)  # width; height of a row
_DPI = 110
_LEFT, _RIGHT = 0.065, 0.985  # where the axes begin and end, of the width
_POINTS = (_RIGHT - _LEFT) * _INCHES[0] * 72  # how long they are
_LONGEST_NAMES = (100, 40, 20)  # columns of a screen: a title's names, a name of an error, of a tool
_BAR = (0.05, 0.55)  # where a turn's bar begins and its height; errors are named above
_GAP = (0.15, 0.35)  # the same of the tools that run between two turns
_NARROW = 6.0  # points; hatching would fill a gap that is not as long
_LABEL = 8.0  # points; what a pause's label takes
_WAITING, _STREAMING, _TOOLS, _FAILED = "#e8b04a", "#2f6fab", "#8d9aa5", "#c8352b"
_CACHED, _FRESH, _FAINT, _PAUSE = "#9cc3a5", "#3f8f5b", "#d7dce0", "#f2f3f4"
_LOOK = {
    "svg.hashsalt": "codex-relay",
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
    rows, name, fonts = _drawable([threads[i][1] for i in chosen], name)
    clock = Clock(turn for turns in rows for turn in turns)
    with matplotlib.rc_context(_LOOK | {"font.family": list(fonts.families)}):
        height = 1.0 + _INCHES[1] * len(chosen)
        figure = Figure(figsize=(_INCHES[0], height), dpi=_DPI, layout=None)
        inch = 1 / height
        grid = figure.add_gridspec(
            len(chosen), 1, left=_LEFT, right=_RIGHT, top=1 - 0.85 * inch, bottom=0.42 * inch, hspace=0.36
        )
        highest = max((turn.tokens_in for turns in rows for turn in turns), default=0)
        for row, (i, turns) in enumerate(zip(chosen, rows, strict=True)):
            parts = grid[row].subgridspec(2, 1, height_ratios=(1, 1.9), hspace=0.06)
            above, below = (figure.add_subplot(part) for part in parts)
            _thread(above, below, f"Thread {i + 1}", turns, clock, highest)
            _time_axis(below, clock, last=row == len(chosen) - 1)
        _head(figure, name, session, height)
        _save(figure, out)
    yield f"{out}  {len(chosen)} of {len(threads)} threads drawn" if len(chosen) < len(threads) else f"{out}  drawn"
    if session.left_out:
        more = "turn more is" if session.left_out == 1 else "turns more are"
        yield f"{session.left_out:,} {more} not in the picture"
    if fonts.missing:
        some = "".join(sorted(fonts.missing)[:20]) + ("…" if len(fonts.missing) > 20 else "")
        yield f"some characters of names have no font here and are drawn as \ufffd: {some}"


def _drawable(rows: list[list[Turn]], name: str) -> tuple[list[list[Turn]], str, Fonts]:
    """The turns and the recording's name with words that can be drawn, and the fonts for them."""

    def short_of(turn: Turn) -> Turn:
        names, errors, tools = _LONGEST_NAMES
        calls = tuple(one_line(call, tools) for call in turn.calls)
        return replace(turn, model=one_line(turn.model, names), error=one_line(turn.error, errors), calls=calls)

    rows, name = [[short_of(turn) for turn in turns] for turns in rows], one_line(name, _LONGEST_NAMES[0])
    words = {word for turns in rows for turn in turns for word in (turn.model, turn.error, *turn.calls)}
    fonts = fonts_for("".join(sorted({name, *words})))
    if fonts.missing:
        rows = [[_with(fonts, turn) for turn in turns] for turns in rows]
    return rows, fonts.drawable(name), fonts


def _with(fonts: Fonts, turn: Turn) -> Turn:
    model, error, *calls = map(fonts.drawable, (turn.model, turn.error, *turn.calls))
    return replace(turn, model=model, error=error, calls=tuple(calls))


def _save(figure: Any, out: Path) -> None:
    part = out.with_name(f".{out.name}.part")
    kind = out.suffix.lower()[1:]
    metadata = {"Date": None, "Creator": "codex-relay stats"} if kind == "svg" else {"Software": None}
    try:
        figure.savefig(part, format=kind, metadata=metadata, dpi=_DPI)
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
    about = "~" if any(turn.estimated for turn in turns) else ""
    said = f"{about}{short(asked)} tokens in{hit}, {about}{short(sum(turn.tokens_out for turn in turns))} out"
    said += " (~ estimated)" if about else ""
    what = f"{count(len(turns), 'turn')} of {count(len(session.threads), 'thread')}, {said}"
    title = figure.text(_LEFT, 1 - 0.26 / height, "", fontsize=12, fontweight="bold", va="center")
    _fit(title, lambda longest: f"{_apart(one_line(name, longest))}   {what}")
    keys = [
        Patch(facecolor=_WAITING, label="waiting for the first token"),
        Patch(facecolor=_STREAMING, label="streaming"),
        Patch(facecolor=_FAILED, label="failed"),
        Patch(facecolor=_FAINT, edgecolor=_TOOLS, hatch="////", label="Codex runs tools"),
        Patch(facecolor=_CACHED, label="context, from the cache"),
        Patch(facecolor=_FRESH, label="context, new"),
    ]
    figure.legend(
        handles=keys, loc="center left", bbox_to_anchor=(0.06, 1 - 0.52 / height), ncols=len(keys), frameon=False,
        fontsize=9, handlelength=1.4, columnspacing=1.6,
    )  # fmt: skip


def _thread(above: Any, below: Any, label: str, turns: list[Turn], clock: Clock, highest: int) -> None:
    models = list(dict.fromkeys(turn.model for turn in turns))
    failed = sum(turn.status == "failed" for turn in turns)
    busy = sum(turn.total for turn in turns)
    facts = [
        count(len(turns), "turn"),
        f"the model at work for {duration(busy)}" if busy else "",
        f"{failed} failed" if failed else "",
        "~ estimated tokens" if any(turn.estimated for turn in turns) else "",
    ]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    said = f"{more}   {', '.join(fact for fact in facts if fact)}"
    title = above.set_title("", loc="left", fontsize=9.5, pad=3)
    _fit(title, lambda longest: f"{label}   {', '.join(_apart(one_line(name, longest)) for name in models[:3])}{said}")
    above.set_xlim(0, clock.end or 1)
    above.set_ylim(0, 1)
    above.axis("off")
    _tool_gaps(above, turns, clock)
    _turn_bars(above, turns, clock)
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
    """What was said is drawn as wide as can be seen at all, but of a short turn no more than half; a failure whole."""
    least = _least(clock)
    waiting: list[Span] = []
    streaming: list[Span] = []
    failed: list[Span] = []
    starts = [clock.at(turn.begun) for turn in turns]
    wholes = _widths(starts, [clock.at(turn.end) for turn in turns], clock)
    for turn, start, whole in zip(turns, starts, wholes, strict=True):
        said = clock.at(turn.end) - clock.at(turn.begun + turn.first_token)
        if turn.status == "failed":
            width = max(said, least)
            failed.append((max(start, start + whole - width), width))
        else:
            width = max(said, min(least, whole / 2))
            streaming.append((start + whole - width, width))
        waiting.append((start, max(whole - width, 0.0)))
    for layer, (spans, colour) in enumerate(((waiting, _WAITING), (streaming, _STREAMING), (failed, _FAILED)), 1):
        axes.broken_barh(spans, _BAR, facecolor=colour, linewidth=0, zorder=1 + layer / 10)
    _errors(axes, turns, clock)


def _errors(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """The names of errors above their turns, where there is room behind the name before."""
    free = 0.0
    for turn in turns:
        if not turn.error or clock.at(turn.begun) < free:
            continue
        text = axes.text(0, sum(_BAR), _plain(turn.error), fontsize=7.5, color=_FAILED, va="bottom")
        room = _length(text) / _POINTS * clock.end
        start = max(min(clock.at(turn.begun), clock.end - room), 0.0)
        if start < free:  # at the end, where a name begins before its turn
            text.remove()
            return
        text.set_x(start)
        free = start + room + clock.end / 200


def _tool_gaps(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """From the end of a turn that called tools to the next one, when their outputs come back."""
    wide: list[Span] = []
    narrow: list[Span] = []
    for turn, after in pairwise(turns):
        start, end = clock.at(turn.end), clock.at(after.begun)
        if not turn.calls or end <= start:
            continue
        (wide if (end - start) / clock.end * _POINTS > _NARROW else narrow).append((start, end - start))
        name = f"{turn.calls[0]}{f' +{len(turn.calls) - 1}' if len(turn.calls) > 1 else ''}"
        if (end - start) / clock.end > columns(name) * 0.006:
            axes.text(
                (start + end) / 2, _GAP[0] + _GAP[1] / 2, _plain(name), fontsize=7, ha="center", va="center_baseline",
                bbox={"facecolor": "white", "linewidth": 0, "pad": 1},
            )  # fmt: skip
    axes.broken_barh(wide, _GAP, facecolor=_FAINT, edgecolor=_TOOLS, hatch="////", linewidth=0.5)
    axes.broken_barh(narrow, _GAP, facecolor=_FAINT, linewidth=0)


def _context(axes: Any, turns: list[Turn], clock: Clock) -> None:
    """Each turn's input from its beginning to its end, and on to the next one while Codex runs tools. What Codex does
    after the last answer, and in a shortened pause, nobody knows: that is left empty."""
    counted = [turn for turn in turns if turn.tokens_in]
    starts = [clock.at(turn.begun) for turn in counted]
    ends = [clock.at(turn.end) for turn in counted]
    for i, turn in enumerate(counted[:-1]):
        ends[i] = starts[i + 1] if turn.calls else min(ends[i], starts[i + 1])
    widths = _widths(starts, ends, clock)
    cached = [turn.cached for turn in counted]
    fresh = [turn.tokens_in - turn.cached for turn in counted]
    axes.bar(starts, cached, widths, align="edge", color=_CACHED, linewidth=0)
    axes.bar(starts, fresh, widths, bottom=cached, align="edge", color=_FRESH, linewidth=0)
    if not counted:
        axes.text(0.5, 0.5, "no token counts", transform=axes.transAxes, ha="center", va="center", color=_TOOLS)


def _time_axis(axes: Any, clock: Clock, *, last: bool) -> None:
    """Ticks at round moments since the start of the session; shortened pauses are marked and named."""
    step = step_of(clock.end)
    places: list[float] = []
    texts = []
    for real in round_moments(clock, step):
        place = clock.at(clock.start + real)
        if place <= clock.end and (not places or place - places[-1] > clock.end / 30):
            places.append(place)
            texts.append(elapsed(real, step))
    axes.set_xticks(places, texts if last else [""] * len(texts))
    for pause in clock.pauses:
        axes.axvspan(
            pause.drawn_at - clock.room / 2, pause.drawn_at + clock.room / 2, color=_PAUSE, linewidth=0, zorder=2
        )
        if clock.room / clock.end * _POINTS < _LABEL:
            continue
        axes.text(
            pause.drawn_at, 0.96, duration(pause.end - pause.start), transform=axes.get_xaxis_transform(), fontsize=7,
            color="#5d6872", ha="center", va="top", rotation=90,
        )  # fmt: skip


def _ticks(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True)


def _least(clock: Clock) -> float:
    """How wide something must be drawn to be seen."""
    return (clock.end or 1) / 500


def _widths(starts: list[float], ends: list[float], clock: Clock) -> list[float]:
    """How wide to draw what has these places, so that it can be seen and does not reach into the next one for that."""
    rooms = [max(after - start, 0.0) for start, after in pairwise([*starts, math.inf])]
    return [max(end - start, min(_least(clock), room)) for start, end, room in zip(starts, ends, rooms, strict=True)]


def _fit(text: Any, written: Callable[[int], str]) -> None:
    """Write into a title what fits into the picture. written: the words, with no name longer than so many columns."""
    for longest in range(_LONGEST_NAMES[0], 5, -5):
        text.set_text(_plain(written(longest)))
        if _length(text) <= _POINTS:
            return


def _length(text: Any) -> float:
    """Points."""
    return float(text.get_window_extent().width) * 72 / _DPI


def _apart(name: str) -> str:
    """A name in a title: where it is written from right to left, the words around it are not."""
    return name if name.isascii() else f"\u200e{name}\u200e"


def _plain(text: str) -> str:
    """Others' words without matplotlib's own markup."""
    return text.replace("$", r"\$")
