"""`codex-relay stats` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import REPOSITORY, environment, run
from tests.recording.sessions import Session, write

DEMO = REPOSITORY / "recordings" / "demo.flow"


def session(tmp_path: Path) -> Path:
    one, two = Session(thread="one"), Session(thread="two", model="other-model")
    one.says("hello").hears("Hello.")
    two.says("hello").hears("Hello.")
    one.says("more").receives(b'{"error": {"message": "too many"}}', 429)
    return write(tmp_path / "session.flow", one.flows, two.flows)


def test_a_recording_is_summed_up_in_a_table(tmp_path: Path) -> None:
    done = run(["stats", str(session(tmp_path))], environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[1].split()[:4] == ["thread", "model", "turns", "failed"]
    assert lines[3].split()[:4] == ["1", "scripted-model", "2", "1"]
    assert lines[4].split()[:4] == ["2", "other-model", "1", "-"]
    assert lines[6].split()[:3] == ["total", "3", "1"]
    assert "Thread 1: one, 2026-05-28 " in done.stdout
    assert "Errors: rate_limit_exceeded 1" in lines


def test_json_holds_exact_numbers(tmp_path: Path) -> None:
    done = run(["stats", str(DEMO), "--json"], environment(tmp_path))
    found = json.loads(done.stdout)
    assert found["total"]["turns"] == 3 and found["total"]["input_tokens"] == 25620
    assert found["models"][0]["model"] == "deepseek-v4-flash" and found["models"][0]["cost_usd"] is None


def test_a_session_of_a_split_second_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install -e '.[plot]')")
    picture = tmp_path / "x.svg"
    done = run(["stats", str(DEMO), "--plot", str(picture)], environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, f"{picture}  drawn\n")
    assert picture.read_bytes().startswith(b"<?xml")


def test_a_session_of_times_that_no_calendar_has_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install -e '.[plot]')")
    one = Session()
    one.says("hello").hears("Hello.")
    for at in (float("inf"), float("nan"), 1e18, -1e18):
        one.says("more").hears("More.")
        one.flows[-1].request.timestamp_start = at
    path, picture = write(tmp_path / "odd.flow", one.flows), tmp_path / "odd.svg"
    done = run(["stats", str(path), "--plot", str(picture)], environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, f"{picture}  drawn\n")
    assert ", 1970-01-01 00:00:00 to 9999-12-31 23:59:59 UTC" in done.stdout


def test_own_prices_are_read(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('["deepseek-*"]\ninput = 10\ncached = 1\noutput = 100\nhost = "127.*"\n')
    done = run(["stats", str(DEMO), "--json", "--prices", str(prices)], environment(tmp_path))
    cost = json.loads(done.stdout)["total"]["cost_usd"]
    assert abs(cost - ((25620 - 16384) * 10 + 16384 * 1 + 296 * 100) / 1e6) < 1e-9


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[m]\ninput = 1", "m: output is missing"), ("[m", "holds no prices"), (None, "can't be read: No such file")],
)
def test_wrong_prices_are_refused_in_a_line(tmp_path: Path, text: str | None, complaint: str) -> None:
    prices = tmp_path / "prices.toml"
    if text is not None:
        prices.write_text(text)
    done = run(["stats", str(DEMO), "--prices", str(prices)], environment(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"codex-relay: {prices} ") and complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_recording_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.flow").write_text("hello")
    (tmp_path / "empty.flow").write_bytes(b"")
    for name, complaint in [("a.flow", "is not a flow file"), ("empty.flow", "holds 0 flows"), ("no.flow", "No such"), ("", "is a folder")]:  # fmt: skip
        done = run(["stats", str(tmp_path / name)], environment(tmp_path))
        assert done.returncode == 1 and complaint in done.stderr and done.stderr.count("\n") == 1, name


def test_a_damaged_recording_is_summed_up_to_the_damage(tmp_path: Path) -> None:
    file = session(tmp_path)
    file.write_bytes(file.read_bytes()[:-100])
    done = run(["stats", str(file)], environment(tmp_path))
    assert done.returncode == 1
    assert "total" in done.stdout and "is damaged, the sums end there" in done.stderr


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    done = run(["stats", str(DEMO), "--plot", "x.jpg"], environment(tmp_path))
    assert done.returncode == 2 and "end it in .svg or .png" in done.stderr


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from addon.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "stats", str(DEMO), "--plot", str(tmp_path / "x.svg")]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "codex-relay: --plot needs matplotlib, which is not here: pip install 'codex-relay[plot]'\n"


@pytest.mark.parametrize("kept", [40, 5000])
def test_a_recording_cut_within_its_first_flow_is_called_cut(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "cut.flow"
    file.write_bytes(DEMO.read_bytes()[:kept])
    done = run(["stats", str(file)], environment(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"codex-relay: {file} is cut within its first flow; nothing in it could be read\n"
