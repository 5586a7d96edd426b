"""The commands relay.*, for the console, mitmweb's command bar and key bindings.

A turn is named by a flow of it (`@focus` in the console), or by a filter (`~comment shell`); where one turn is wanted
and several match, the last one counts. What a command gives, the console shows line by line and mitmweb as JSON: so it
is a list of sentences, and what is laid out goes to the event log of both. mitmweb knows names of letters and points
only.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mitmproxy import command, ctx, flow, http, types
from mitmproxy.exceptions import CommandError

from addon import compat, exchange, flow_list, loaded, routing
from addon.providers import Upstream
from addon.recording.check import checked_turn
from addon.recording.fixtures import extract_file
from addon.recording.flows import RecordedTurn, relay_facts
from addon.recording.report import write_report
from addon.settings import Settings
from addon.stats.totals import Totals
from relay_translate.transcript import count

from . import places, snippets
from .turns import as_file, copy_to_send, plainly, providers_side, request_of, turns_of

logger = logging.getLogger(__name__)

_NAMED = 20  # failures that are named

RERUN = "relay_rerun"
"""In a flow's metadata: the model it names is meant as it is."""


def settings_of(flow: http.HTTPFlow, settings: Settings | None) -> Settings | None:
    """The settings for this request: `relay.rerun` names the provider's own model, so none is mapped."""
    return replace(settings, model_map={}) if settings and RERUN in flow.metadata else settings


class Commands:
    name = "relaycommands"  # addons have names of their own

    def __init__(self, totals: Totals, settings: Callable[[], Settings | None]) -> None:
        self._totals, self._settings = totals, settings

    @command.command("relay.curl")
    def curl(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Copy a turn's chat request as a curl command. The key is read from a variable, which the answer names."""
        return self._snippet(flows, "curl command", snippets.curl)

    @command.command("relay.python")
    def python(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Copy a turn's chat request as a Python script. The key is read from a variable, which the answer names."""
        return self._snippet(flows, "Python script", snippets.python)

    def _snippet(
        self, flows: Sequence[flow.Flow], what: str, write: Callable[[http.Request, places.Key], str]
    ) -> list[str]:
        turn, which = _last(flows)
        request = places.as_sent(providers_side(turn))
        if not snippets.is_safe(request):
            raise CommandError("the address of this request is none of the web; nothing is copied")
        key = places.key_of(request, self._settings())
        text = write(request, key)
        hint = f"; it reads the key of {key.whose} from ${key.variable}" if snippets.needs_key(request) else ""
        if compat.to_clipboard(text):
            return [f"copied: a {what}{which and f' of {which}'}, {len(text):,} characters{hint}"]
        logger.info("%s", f"a {what}{hint}\n{text}")
        told = f"no clipboard here: the {what}{which and f' of {which}'} stands in the event log{hint}"
        return [told] if compat.is_web() else [told, *text.splitlines()]

    @command.command("relay.rerun")
    def rerun(self, flows: Sequence[flow.Flow], model: str) -> str:
        """Ask another model what was asked in a turn. The answer is a new flow, which nobody but you sees."""
        turn, which = _last(flows)
        model, settings = model.strip(), self._settings()
        if not model:
            raise CommandError("relay.rerun: name the model to ask, as its provider calls it")
        again = copy_to_send(turn.client)
        again.metadata = {RERUN: model}
        again.request.headers.pop("content-encoding", None)
        again.request.content = json.dumps(request_of(turn) | {"model": model}).encode()
        flow_list.tell(again, f"to be asked of {model}")
        if why := _refusal(again, settings):
            raise CommandError(f"relay.rerun: {why}")
        if (view := compat.viewer()) is not None:
            view.add([again])
        ctx.master.commands.call("replay.client", [again])
        doubt = routing.doubt_of(settings, model) if settings else ""
        told = f"asked again, of {model}: {which and f'{which}, '}{turn.client.comment}"
        return f"{told}; {doubt}" if doubt else told

    @command.command("relay.translate")
    def translate(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Translate a turn with the code as it is now, and show what differs from what happened."""
        turn, which = _last(flows)
        checked = checked_turn(turn)
        found = [line for one in checked.differences for line in str(one).split("\n")]
        found += [f"not compared: {why}" for why in checked.unchecked]
        found = found or ["nothing differs"]
        return [f"{which}: {found[0]}", *found[1:]] if which else found

    @command.command("relay.fixture")
    def fixture(self, flows: Sequence[flow.Flow], path: types.Path) -> Sequence[str]:
        """Write turns into a folder as readable fixtures, one subfolder for each conversation."""
        if not path.strip():
            raise CommandError("relay.fixture: name the folder that the fixtures go into, such as ~/fixtures")
        with as_file(turns_of(flows)) as file, loaded.as_they_are(), plainly(file):
            return list(extract_file(file, Path(path)))

    @command.command("relay.report")
    def report(self, flows: Sequence[flow.Flow], path: types.Path) -> Sequence[str]:
        """Write turns as a report to attach to an issue: PATH.flow and PATH.md, scrubbed and small."""
        if not Path(path).name:
            raise CommandError("relay.report: name the report by a PATH, such as ~/report")
        turns = turns_of(flows)
        with _with_path(), as_file(turns) as file, loaded.as_they_are(), plainly(file):
            done = write_report(file, Path(path), last=len(turns))
        turns_held = count(len(done.rows), "turn")
        return [f"{done.flow} and {done.page} hold {turns_held}, scrubbed; read them before you post them"]

    @command.command("relay.totals")
    def totals(self) -> Sequence[str]:
        """Turns, tokens, cache hits, times and cost by model: of all turns since the relay was started, and of those
        in the list that were loaded from files, each once. The event log gets the whole table, by thread."""
        whole = self._totals.copy()
        for one in compat.shown():
            whole.add_flow(one)
        loaded = len(whole) - len(self._totals)
        found = whole.sentences()
        if loaded:
            were = "was loaded from a file" if loaded == 1 else "were loaded from files"
            found.append(f"{loaded:,} of {count(len(whole), 'turn')} {were}")
        if whole:
            logger.info("%s", "\n".join(whole.lines()))
            found.append("the event log has it by thread")
        return found

    @command.command("relay.failed")
    def failed(self) -> Sequence[str]:
        """Mark the turns of the list that failed, those that were loaded from a file too, and name the latest."""
        found = [one for one in compat.shown() if isinstance(one, http.HTTPFlow) and _has_failed(one)]
        if not found:
            return ["no turn in the list has failed"]
        for one in found:
            one.marked = one.marked or flow_list.FAILED
        compat.show_updated(found)
        named = [f"{one.comment} (@{one.id})" for one in reversed(found[-_NAMED:])]
        more = [f"and {len(found) - _NAMED:,} before them"] if len(found) > _NAMED else []
        wanted = f"~comment {flow_list.SIGN.strip()}" if compat.is_web() else "~marker red_circle"
        return [f"{len(found):,} failed; the filter {wanted} shows them", *named, *more]


def _last(flows: Sequence[flow.Flow]) -> tuple[RecordedTurn, str]:
    """The last turn, and that it is one of several; "" when it is the only one."""
    turns = turns_of(flows)
    which = f"the last of {len(turns):,} turns" if len(turns) > 1 else ""
    return max(turns, key=lambda turn: turn.client.timestamp_created), which


def _refusal(again: http.HTTPFlow, settings: Settings | None) -> str:
    """Why the relay would not send a request on; "" when it would."""
    target = compat.reverse_target(again)
    if target is None:
        return ""
    opened = exchange.open_exchange(again.request.copy(), settings_of(again, settings), Upstream(*target))
    return opened.why if isinstance(opened, exchange.Refusal) else ""


def _has_failed(flow: http.HTTPFlow) -> bool:
    facts = relay_facts(flow)
    refused = "status=refused" in str(flow.metadata.get(flow_list.WORDS))
    return refused or (facts.get("role") == "client" and facts.get("status") == "failed")


@contextlib.contextmanager
def _with_path() -> Iterator[None]:
    """The remedies of `codex-relay report` are flags, which a command has not."""
    try:
        yield
    except CommandError as error:
        what, flag, _ = str(error).partition("; give another name with --out")
        raise CommandError(f"{what}; give another PATH" if flag else what) from error
