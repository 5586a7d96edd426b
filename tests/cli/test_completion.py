"""`codex-relay completion`: scripts that the shells understand, tried in bash itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from addon import cli

# What bash calls when Tab is pressed behind these words.
TRY = """
source ./script
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_codex_relay codex-relay "${{COMP_WORDS[$COMP_CWORD]}}" "${{COMP_WORDS[$((COMP_CWORD - 1))]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ('codex-relay ""', {"run", "config", "demo", "completion"}),
        ("codex-relay --up", {"--upstream", "--upstream-extra-params"}),
        ("codex-relay run --pro", {"--provider", "--providers"}),
        ('codex-relay completion ""', {"bash", "zsh", "fish"}),
        ("codex-relay replay sess", {"session.flow"}),
        ("codex-relay --record sess", {"session.flow"}),
        ("codex-relay --provider deep", {"deepseek"}),
        ("codex-relay run --providers mist", {"mistral"}),
        ("codex-relay run --fallback mist", {"mistral/"}),
        ("codex-relay providers deep", {"deepseek"}),
    ],
)
def test_bash_completes_commands_options_and_files(
    words: str, offered: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "session.flow").touch()
    done = subprocess.run(
        ["bash", "-c", TRY.format(words=words)], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert offered <= set(done.stdout.split()), done.stderr


@pytest.mark.parametrize(("shell", "start"), [("zsh", "#compdef codex-relay"), ("fish", "#")])
def test_other_shells_get_theirs(shell: str, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(start)
    assert "upstream-extra-params" in printed
