"""The picture of a session: what it is drawn from, and the files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addon.recording import RecordingError
from addon.stats import axis, timeline
from addon.stats.session import MOST_TURNS, Clock, Session, Turn
from tests.recording.sessions import Session as Recorded

to_rgb = pytest.importorskip(
    "matplotlib.colors", reason="matplotlib is not installed (pip install -e '.[plot]')"
).to_rgb


def turn(begun: float, total: float = 10.0, **more: object) -> Turn:
    given = {
        "first_token": 2.0, "tokens_in": 1000, "cached": 800, "tokens_out": 50, "status": "completed", "error": "",
        "model": "m", "calls": ("exec_command",),
    }  # fmt: skip
    return Turn(begun=begun, total=total, **given | more)  # type: ignore[arg-type]


def session(*turns: Turn, thread: str = "one") -> Session:
    return Session({thread: list(turns)})


def test_time_runs_evenly_while_something_is_done() -> None:
    clock = Clock([turn(100), turn(115), turn(128)])
    assert [clock.at(moment) for moment in (100, 105, 115, 138)] == [0, 5, 15, 38]
    assert clock.pauses == [] and clock.end == 38


def test_a_long_pause_takes_little_room_and_order_is_kept() -> None:
    clock = Clock([turn(100), turn(5000), turn(5015)])
    (pause,) = clock.pauses
    assert (pause.start, pause.end) == (110, 5000)
    places = [clock.at(moment) for moment in (100, 110, 2000, 5000, 5015, 5025)]
    assert places == sorted(places) and clock.end < 40
    assert places[4] - places[3] == pytest.approx(15)


def test_pauses_take_half_of_the_axis_at_most() -> None:
    clock = Clock([turn(5000 * n) for n in range(200)])
    assert len(clock.pauses) == 199 and clock.end < 2 * 200 * 10.01


@pytest.mark.parametrize("start", [0.0, 1_780_000_000.37])
@pytest.mark.parametrize("step", axis.STEPS)
def test_ticks_are_the_multiples_of_every_step(step: float, start: float) -> None:
    for share in range(1, 200):
        span = 0.05 * share * step
        clock = Clock([turn(start, span)])
        moments = list(axis.round_moments(clock, step))
        assert moments == [round(number * step, 6) for number in range(len(moments))]
        assert moments[-1] <= clock.end + 1e-6 and moments[-1] + step > clock.end - 1e-6


def test_every_length_of_a_session_has_some_ticks() -> None:
    span = 0.005
    while span < 40 * 86400:
        for turns in ([turn(7.3, span)], [turn(7.3, span), turn(1e5 + 40 * span, span), turn(1e7, 0.03)]):
            clock = Clock(turns)
            step = axis.step_of(clock.end)
            moments = list(axis.round_moments(clock, step))
            assert 0.0 in moments and len(moments) <= 12 + len(clock.pauses), span
            assert moments == sorted(set(moments))
            assert not any(pause.start < clock.start + at < pause.end for pause in clock.pauses for at in moments)
        span *= 1.13


@pytest.mark.parametrize("turns", [[turn(1e300)], [turn(0.0), turn(1e15, 0.01)], [turn(100, 1e12)], [turn(1, 0.0)]])
def test_times_that_no_clock_tells_can_be_drawn(turns: list[Turn], tmp_path: Path) -> None:
    list(timeline.draw(session(*turns), tmp_path / "x.svg", "session.flow"))


def test_turns_side_by_side_are_no_pause() -> None:
    assert Clock([turn(100, 500), turn(110), turn(590)]).pauses == []


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_session_gives_the_same_file(tmp_path: Path, kind: str) -> None:
    drawn = session(turn(100), turn(112, status="failed", error="server_error"), turn(4000, tokens_in=0, calls=()))
    files = [tmp_path / f"{name}.{kind}" for name in "ab"]
    for file in files:
        list(timeline.draw(drawn, file, "session.flow"))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{kind}", f"b.{kind}"]


def test_odd_turns_can_be_drawn(tmp_path: Path) -> None:
    odd = turn(100, 0.0, first_token=0.0, tokens_in=0, model="$x^2$\n\x1b[31m", error="$a_b")
    assert list(timeline.draw(session(odd), tmp_path / "x.svg", "$.flow")) == [f"{tmp_path / 'x.svg'}  drawn"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Any, list[str]]]:
    """Draws turns; gives the figure and what was told beside its name."""

    def draw(*turns: Turn, name: str = "session.flow") -> tuple[Any, list[str]]:
        kept: list[Any] = []
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("error")  # matplotlib warns of letters without a font
            save = timeline._save
            patch.setattr(timeline, "_save", lambda figure, out: (save(figure, out), kept.append(figure)))
            _, *told = timeline.draw(session(*turns), tmp_path / "x.png", name)
        return kept[0], told

    return draw


def titles(figure: Any) -> list[str]:
    return [figure.texts[0].get_text(), figure.axes[0].get_title(loc="left")]


@pytest.mark.parametrize("letter", ["W", "i", "\u05d0"])
def test_names_of_any_length_stay_in_the_picture(drawn: Any, letter: str) -> None:
    turns = [turn(100 + 20 * n, model=f"{n}{letter * 300}", error=letter * 300, status="failed") for n in range(5)]
    figure, told = drawn(*turns, name=letter * 250)
    assert told == [] and titles(figure)[1].endswith("5 failed") and "…" in titles(figure)[1]
    whole = figure.bbox
    for text in (*figure.texts, *figure.axes[0].texts, figure.axes[0]._left_title):
        assert text.get_window_extent().x1 <= whole.x1, text


def test_letters_of_another_font_are_drawn_with_it(drawn: Any) -> None:
    figure, told = drawn(turn(100, model="mo\u210a"))  # STIX, which comes with matplotlib, has it
    assert told == [] and "mo\u210a" in titles(figure)[1]
    assert len(figure.texts[0].get_fontfamily()) > 1


def test_letters_that_no_font_has_are_told_of_once(drawn: Any) -> None:
    figure, told = drawn(turn(100, model="m\U000e0fff"), turn(115, model="\U000e0fff"), name="\U000e0ffe.flow")
    assert told == ["some characters of names have no font here and are drawn as \ufffd: \U000e0ffe\U000e0fff"]
    assert "m\ufffd" in titles(figure)[1].replace("\u200e", "")


def test_a_name_cannot_turn_a_title_round(drawn: Any) -> None:
    figure, _ = drawn(turn(100, model="a\u202eb"), name="c\u2067d")
    assert not set("\u202e\u2067") & set("".join(titles(figure)))


def test_estimated_tokens_are_marked(drawn: Any) -> None:
    assert "~2,000 tokens in (80% cached), ~100 out" in titles(drawn(turn(100), turn(115, estimated=True))[0])[0]
    assert "~" not in "".join(titles(drawn(turn(100))[0]))


def test_context_is_drawn_while_codex_works_and_not_through_idle_time(drawn: Any) -> None:
    figure, _ = drawn(turn(100), turn(115, calls=()), turn(130), turn(5000))
    bars = figure.axes[1].containers[0]
    assert [round(bar.get_width(), 3) for bar in bars][:2] == [15, 10]
    pause = next(patch for patch in figure.axes[1].patches if patch.get_facecolor()[:3] == to_rgb(timeline._PAUSE))
    (label,) = figure.axes[1].texts
    assert bars[0].get_zorder() < pause.get_zorder() < label.get_zorder()


def test_hundreds_of_turns_are_drawn_without_hatching(drawn: Any) -> None:
    def hatched(count: int) -> int:
        figure, _ = drawn(*(turn(100 + 12 * n) for n in range(count)))
        assert len(figure.axes[0].collections) == 5
        return sum(len(spans.get_paths()) for spans in figure.axes[0].collections if spans.get_hatch())

    assert (hatched(5), hatched(600)) == (4, 0)


def test_only_the_longest_threads_are_drawn_and_that_is_said(tmp_path: Path) -> None:
    many = Session({f"thread {n}": [turn(100 + n)] for n in range(timeline.MOST_ROWS + 3)})
    (told,) = timeline.draw(many, tmp_path / "x.png", "session.flow")
    assert told.endswith("12 of 15 threads drawn")


def test_what_is_kept_of_a_session_is_bounded() -> None:
    recorded = Recorded()
    recorded.says("hello").hears("Hello.")
    kept = Session()
    for _ in range(MOST_TURNS + 5):
        kept.add(recorded.flows[1])
    assert len(kept.threads["thread-1"]) == MOST_TURNS and kept.left_out == 5


def test_a_picture_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    recording = tmp_path / "x.svg"
    recording.write_bytes(b"")
    for out, complaint in [(recording, "is the recording itself"), (tmp_path / "no" / "x.svg", "there is no folder")]:
        with pytest.raises(RecordingError, match=complaint):
            timeline.check(out, recording)
