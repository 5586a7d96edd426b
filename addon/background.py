"""`start()`: the relay as a child of a Python program.

    with start(upstream="https://api.deepseek.com/v1", api_key=key, port=0) as relay:
        client = OpenAI(base_url=relay.url, api_key="relay")

The child is the `codex-relay` command, so that all its variables hold here too.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TextIO

from addon import processes
from addon.providers import KEY as WHOLE_KEY

UPSTREAM = "https://openrouter.ai/api/v1"
KEPT = 200  # lines of the log
_KEY = "CODEX_RELAY_API_KEY"
_LISTENS = "codex-relay listens on "
_MAIN = "from addon.cli import main; sys.exit(main())"


class RelayError(Exception):
    """The relay did not come up; the text tells why, in its own last words."""


class RelayProcess:
    """A relay that listens. It ends with this program at the latest: nobody would read its log any more."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.url = ""
        """The base URL for clients, http://127.0.0.1:4444/v1."""
        self._process = process
        self._log: deque[str] = deque(maxlen=KEPT)
        self._told = threading.Event()  # that it listens, or will not
        # Somebody must read, or the relay would stand still once the pipe is full.
        self._reading = threading.Thread(target=self._read, name="codex-relay log", daemon=True)
        self._reading.start()
        # Also at exit. Popen spares one that has ended, and a fork of this program does not know it as its child.
        weakref.finalize(self, process.terminate)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    @property
    def log(self) -> list[str]:
        """The last lines of what it printed."""
        return list(self._log)

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, when it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        status = self._process.wait(timeout)
        self._reading.join(1.0)
        return status

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, timeout: float = processes.PATIENCE) -> int:
        """Terminate and wait; what has not ended after `timeout` seconds is killed. Returns the exit status."""
        self.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def __enter__(self) -> RelayProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._process.returncode is None else f"ended with {self._process.returncode}"
        return f"<RelayProcess {self.url or 'not listening'}, pid {self.pid}, {state}>"

    def _until_listening(self, timeout: float) -> None:
        """Raises RelayError, and leaves nothing running then."""
        try:
            told = self._told.wait(timeout)
        except BaseException:  # Ctrl-C
            self.stop()
            raise
        if self.url:
            return
        self.stop()
        last = "\n".join(line for line in self.log[-10:] if line.strip()) or "it printed nothing"
        why = f"ended with status {self.returncode}" if told else f"did not listen within {timeout:g} s and was stopped"
        raise RelayError(f"the relay {why}:\n{last}")

    def _read(self) -> None:
        output: TextIO | None = self._process.stdout
        assert output is not None
        with output:
            for line in output:
                self._log.append(line.rstrip("\n"))
                if not self.url and line.startswith(_LISTENS):
                    self.url = line.removeprefix(_LISTENS).strip()
                    self._told.set()
        self._told.set()


def start(
    port: int = 4444,
    upstream: str = UPSTREAM,
    api_key: str = "",
    bind: str = "127.0.0.1",
    record_corpus: str = "",
    *,
    provider: str = "",
    providers: str | Sequence[str] = "",
    fallback: str | Sequence[str] = "",
    profile: str = "",
    model_map: str | Mapping[str, str] = "",
    extra_params: Mapping[str, Any] | None = None,
    drop_params: Sequence[str] = (),
    record: str | os.PathLike[str] = "",
    options: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> RelayProcess:
    """Start a relay and return when it listens. port 0: a free one, see `.port` and `.url`.

    It ends with the process that has called this: a program that becomes a daemon does so before.
    provider, providers: known ones by name, in place of `upstream`; their keys are in their own variables.
    options: mitmproxy's, by name. timeout: seconds to come up. Raises RelayError.
    """
    flags = {
        "port": str(port),
        "bind": bind,
        "upstream": "" if provider or providers else upstream,
        "provider": provider,
        "providers": _listed(providers),
        "fallback": _listed(fallback),
        "profile": profile,
        "model-map": ",".join(f"{name}={to}" for name, to in model_map.items())
        if isinstance(model_map, Mapping)
        else model_map,
        "upstream-extra-params": json.dumps(extra_params) if extra_params else "",
        "drop-upstream-params": _listed(drop_params),
        "record": os.fspath(record),
        "record-corpus": record_corpus,
    }
    words = [f"--{name}={value}" for name, value in flags.items() if value]
    settings = [word for name, value in (options or {}).items() for word in ("--set", f"{name}={value}")]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    if api_key and not WHOLE_KEY.fullmatch(api_key.strip()):
        raise RelayError("api_key holds spaces or characters that a header can't carry; check how it was copied")
    if api_key:
        environment[_KEY] = api_key
    process = subprocess.Popen(
        processes.python_child(_MAIN, *words, *(["--", *settings] if settings else [])),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    relay = RelayProcess(process)
    relay._until_listening(timeout)
    return relay


def _listed(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)
