"""`previous_response_id` for clients other than Codex: the turns that may be gone on from, in memory or in a file.

A turn is kept whole, with all that came before it, so that any other may be forgotten. It is bound to the credential
that it was asked with; of that no more than a hash is kept, made with the turn's own id.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay_translate import ApiError, TranslationError, json_bytes
from relay_translate.history import HistoryStore, StoredTurn, input_items, is_stored, not_found, previous_id

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Clock = Callable[[], float]  # Unix seconds

FILE = "history.sqlite"
_BUSY = 2.0  # seconds to wait for another relay that writes the same file
_TABLES = """
CREATE TABLE IF NOT EXISTS turns (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, items BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_used ON turns (used);
"""


@dataclass(frozen=True)
class Limits:
    """How much is kept: hours since a turn was last gone on from, turns, and megabytes of all of them as stored."""

    hours: float = 168
    turns: int = 256
    mb: float = 512

    @property
    def bytes(self) -> int:
        return int(self.mb * 1_000_000)


DEFAULT_LIMITS = "hours=168,turns=256,mb=512"


@dataclass(frozen=True)
class HistorySettings:
    """folder: of the file, None for the memory. is_on: False when nothing is kept."""

    folder: Path | None = None
    is_on: bool = True
    limits: Limits = Limits()


def parse(where: str, limits: str) -> HistorySettings:
    """The options relay_history and relay_history_limits. Raises ValueError, one line with the remedy."""
    where = where.strip()
    folder = Path(where).expanduser() if where not in ("", "memory", "off") else None
    return HistorySettings(folder, where != "off", _limits(limits))


_KINDS = {
    "hours": "not a number of hours above 0",
    "turns": "not a whole number above 0",
    "mb": "not a number of megabytes above 0",
}


def _limits(text: str) -> Limits:
    limits = Limits()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in _KINDS:
            raise ValueError(f"relay_history_limits={text!r}: {entry!r} is not in the form {DEFAULT_LIMITS}")
        number = _number(name, value)
        if number is None:
            raise ValueError(f"relay_history_limits={text!r}: {entry!r} is {_KINDS[name]}")
        limits = replace(limits, **{name: number})
    return limits


def _number(name: str, text: str) -> Any:
    try:
        number = int(text) if name == "turns" else float(text)
    except ValueError:
        return None
    return number if 0 < number < 1e12 else None  # NaN is not either


# --- where turns are kept ---------------------------------------------------------------------------------------------


class MemoryHistory:
    """Turns of this process, the latest used last."""

    def __init__(self, limits: Limits, clock: Clock = time.time) -> None:
        self._limits, self._clock = limits, clock
        self._turns: OrderedDict[str, tuple[str, float, bytes]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._turns)

    def load(self, id: str) -> StoredTurn | None:
        self._forget()
        if id not in self._turns:
            return None
        owner, _, data = self._turns.pop(id)
        self._turns[id] = owner, self._clock(), data
        return StoredTurn(id, owner, _unpacked(data))

    def save(self, turn: StoredTurn) -> None:
        data = _packed(turn, self._limits)
        self._drop(turn.id)
        self._turns[turn.id] = turn.owner, self._clock(), data
        self._size += len(data)
        self._forget()

    def close(self) -> None:
        self._turns.clear()
        self._size = 0

    def _forget(self) -> None:
        oldest = self._clock() - self._limits.hours * 3600
        while self._turns:
            id, (_, used, _) = next(iter(self._turns.items()))
            if used >= oldest and len(self._turns) <= self._limits.turns and self._size <= self._limits.bytes:
                return
            self._drop(id)

    def _drop(self, id: str) -> None:
        if (found := self._turns.pop(id, None)) is not None:
            self._size -= len(found[2])


class FileHistory:
    """Turns in an SQLite file that only its owner can read; several relays may share it."""

    def __init__(self, folder: Path, limits: Limits, clock: Clock = time.time) -> None:
        """Raises ValueError when there can't be such a file."""
        self._limits, self._clock = limits, clock
        self._path = folder / FILE
        self._database = _opened(self._path)

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT COUNT(*) FROM turns").fetchone()[0]
        return count

    def load(self, id: str) -> StoredTurn | None:
        now = self._clock()
        wanted = "SELECT owner, items FROM turns WHERE id = ? AND used >= ?"
        row = self._database.execute(wanted, (id, now - self._limits.hours * 3600)).fetchone()
        try:
            with self._database as database:
                database.execute("UPDATE turns SET used = ? WHERE id = ?", (now, id))
                self._forget(database)
        except Exception as error:  # a full disk, a locked file: what it holds can be read all the same
            logger.error("relay_history can't be written: %s", _why(error))
        return StoredTurn(id, row[0], _unpacked(row[1])) if row else None

    def save(self, turn: StoredTurn) -> None:
        data = _packed(turn, self._limits)
        with self._database as database:
            database.execute(
                "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?, ?)",
                (turn.id, turn.owner, self._clock(), len(data), data),
            )
            self._forget(database)

    def close(self) -> None:
        self._database.close()

    def _forget(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM turns WHERE used < ?", (self._clock() - self._limits.hours * 3600,))
        size, surplus = 0, []
        rows = database.execute("SELECT id, size FROM turns ORDER BY used DESC, rowid DESC").fetchall()
        for number, (id, bytes_of_it) in enumerate(rows, 1):
            size += bytes_of_it
            if number > self._limits.turns or size > self._limits.bytes:
                surplus.append((id,))
        if surplus:
            database.executemany("DELETE FROM turns WHERE id = ?", surplus)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        import sqlite3  # a standalone mitmproxy may come without it, and few need it
    except ImportError:
        raise ValueError(
            f"relay_history={str(path.parent)!r}: this Python has no sqlite3; leave the option empty to keep turns in "
            "memory"
        ) from None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the same rights
        database = sqlite3.connect(path, timeout=_BUSY)
    except (OSError, sqlite3.Error) as error:
        raise ValueError(f"relay_history={str(path.parent)!r}: {path} can't be written: {_why(error)}") from None
    try:
        database.executescript(
            "PRAGMA auto_vacuum=FULL; PRAGMA secure_delete=ON; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            + _TABLES
        )
    except sqlite3.Error as error:
        database.close()
        raise ValueError(
            f"relay_history={str(path.parent)!r}: {path} is no history of the relay's ({error}); name another folder"
        ) from None
    return database


class TooLarge(Exception):
    """A turn that is larger than all that may be kept."""


def _packed(turn: StoredTurn, limits: Limits) -> bytes:
    data = zlib.compress(json_bytes(list(turn.items)), 1)
    if len(data) > limits.bytes:
        raise TooLarge(f"a turn of {len(data) / 1e6:.1f} MB is more than the {limits.mb:g} MB that may be kept")
    return data


def _unpacked(data: bytes) -> list[Json]:
    items: list[Json] = json.loads(zlib.decompress(data))
    return items


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


# --- what the relay asks for ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What has to be known of a request when its turn is over. client: a hash of its credential.
    earlier: the conversation that it goes on from, None where nobody keeps any. is_stored: it may be gone on from."""

    client: str = ""
    earlier: Sequence[Json] | None = None
    input: Sequence[Json] = ()
    is_stored: bool = False


class History:
    """The store that is in use. It outlives a reload of the script and changes of other options."""

    def __init__(self) -> None:
        self._settings: HistorySettings | None = None
        self._store: MemoryHistory | FileHistory | None = None

    def configure(self, settings: HistorySettings) -> None:
        """Raises ValueError, one line, when there can't be such a store; the one before stays then."""
        if settings == self._settings:
            return
        store: MemoryHistory | FileHistory | None = None
        if settings.is_on:
            store = FileHistory(settings.folder, settings.limits) if settings.folder else MemoryHistory(settings.limits)
        self.close()
        self._settings, self._store = settings, store

    def asked(self, body: Mapping[str, Any], credentials: Iterable[str]) -> Asked:
        """Look at a request before it is translated. Raises TranslationError when its conversation is not there."""
        if self._store is None:
            return Asked()  # the translation refuses a request that goes on from another
        wanted, client = previous_id(body), _client(credentials)
        earlier = self._earlier(self._store, wanted, client) if wanted else []
        keep = is_stored(body)
        return Asked(client, earlier, (input_items(body.get("input")) or []) if keep else (), keep)

    def keep(self, asked: Asked, response: Mapping[str, Any]) -> None:
        """A turn that was answered with this Response object. Never raises."""
        id, output = response.get("id"), response.get("output")
        if self._store is None or not asked.is_stored:
            return
        if response.get("status") not in ("completed", "incomplete") or not id or not isinstance(output, list):
            return
        items = [*(asked.earlier or ()), *asked.input, *output]
        try:
            self._store.save(StoredTurn(str(id), _owner(str(id), asked.client), items))
        except TooLarge as large:
            logger.warning("%s can't be gone on from: %s (relay_history_limits)", id, large)
        except Exception as error:  # a full disk, a locked file: the turn itself is whole
            logger.error("%s can't be gone on from, relay_history could not keep it: %s", id, _why(error))

    def close(self) -> None:
        store, self._store, self._settings = self._store, None, None
        if store is not None:
            with contextlib.suppress(Exception):
                store.close()

    def _earlier(self, store: HistoryStore, id: str, client: str) -> Sequence[Json]:
        try:
            found = store.load(id)
        except Exception as error:
            logger.error("relay_history can't be read: %s", _why(error))
            raise TranslationError(
                ApiError(503, "server_error", "the relay can't read the turns it keeps; its log says why")
            ) from None
        if found is None or found.owner != _owner(id, client):
            raise not_found(id)
        return found.items


def _client(credentials: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(credentials).encode("utf-8", "surrogateescape")).hexdigest()


def _owner(id: str, client: str) -> str:
    return hashlib.sha256(f"{id}\0{client}".encode("utf-8", "replace")).hexdigest()


history = History()
