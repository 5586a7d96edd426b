"""The commands relay.*, for the console, mitmweb's command bar and key bindings.

A turn is named by a flow of it (`@focus` in the console), or by a filter (`~comment shell`); where one turn is wanted
and several match, the last one counts. What a command gives, both tools show. mitmweb knows names of letters and
points only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mitmproxy import command, ctx, flow, http, types
from mitmproxy.exceptions import CommandError

from addon import compat, flow_list
from addon.recording.check import checked_turn
from addon.recording.fixtures import extract_file
from addon.recording.flows import relay_facts
from addon.recording.report import write_report
from addon.settings import Settings
from addon.stats.totals import Totals

from . import snippets
from .turns import as_file, chat_request, last_turn, plainly, profile_name, request_of, turns_of

RERUN = "relay_rerun"
"""In a flow's metadata: the model it names is meant as it is."""


def settings_of(flow: http.HTTPFlow, settings: Settings | None) -> Settings | None:
    """The settings for this request: `relay.rerun` names the provider's own model, so none is mapped."""
    return replace(settings, model_map={}) if settings and RERUN in flow.metadata else settings


class Commands:
    name = "relaycommands"  # addons have names of their own

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    @command.command("relay.curl")
    def curl(self, flows: Sequence[flow.Flow]) -> str:
        """Copy a turn's chat request as a curl command. The key is read from the provider's usual variable."""
        turn = last_turn(flows)
        return compat.to_clipboard(snippets.curl(chat_request(turn), profile_name(turn)))

    @command.command("relay.python")
    def python(self, flows: Sequence[flow.Flow]) -> str:
        """Copy a turn's chat request as a Python script. The key is read from the provider's usual variable."""
        turn = last_turn(flows)
        return compat.to_clipboard(snippets.python(chat_request(turn), profile_name(turn)))

    @command.command("relay.rerun")
    def rerun(self, flows: Sequence[flow.Flow], model: str) -> str:
        """Ask another model what was asked in a turn. The answer is a new flow, which nobody but you sees."""
        turn = last_turn(flows)
        if not model.strip():
            raise CommandError("relay.rerun: name the model to ask, as its provider calls it")
        again = turn.client.copy()
        again.response, again.error, again.marked, again.comment = None, None, "", ""
        again.metadata = {RERUN: model}
        again.timestamp_created = time.time()
        again.request.headers.pop("content-encoding", None)
        again.request.content = json.dumps(request_of(turn) | {"model": model.strip()}).encode()
        if (view := compat.viewer()) is not None:
            view.add([again])
        ctx.master.commands.call("replay.client", [again])
        return f"asked again, of {model}"

    @command.command("relay.translate")
    def translate(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Translate a turn with the code as it is now, and show what differs from what happened."""
        checked = checked_turn(last_turn(flows))
        found = [line for one in checked.differences for line in str(one).split("\n")]
        found += [f"not compared: {why}" for why in checked.unchecked]
        return found or ["nothing differs"]

    @command.command("relay.fixture")
    def fixture(self, flows: Sequence[flow.Flow], path: types.Path) -> Sequence[str]:
        """Write turns into a folder as readable fixtures, one subfolder for each conversation."""
        with as_file(turns_of(flows)) as file, plainly(file):
            return list(extract_file(file, Path(path)))

    @command.command("relay.report")
    def report(self, flows: Sequence[flow.Flow], path: types.Path) -> Sequence[str]:
        """Write turns as a report to attach to an issue: PATH.flow and PATH.md, scrubbed and small."""
        turns = turns_of(flows)
        with as_file(turns) as file, plainly(file):
            done = write_report(file, Path(path), last=len(turns))
        return [f"{done.flow} and {done.page} hold {len(done.rows)} turns, scrubbed; read them before you post them"]

    @command.command("relay.totals")
    def totals(self) -> Sequence[str]:
        """Turns, tokens, cache hits, times and cost since the relay was started, by thread and model."""
        return self._totals.lines()

    @command.command("relay.failed")
    def failed(self) -> Sequence[str]:
        """Mark the turns of the list that failed, those that were loaded from a file too, and name them."""
        found = [one for one in compat.shown() if isinstance(one, http.HTTPFlow) and _has_failed(one)]
        for one in found:
            one.marked = one.marked or flow_list.FAILED
        if found:
            compat.show_updated(found)
        return [f"{len(found)} failed; ~marker red_circle shows them", *(f"@{one.id} {one.comment}" for one in found)]


def _has_failed(flow: http.HTTPFlow) -> bool:
    facts = relay_facts(flow)
    refused = "status=refused" in str(flow.metadata.get(flow_list.WORDS))
    return refused or (facts.get("role") == "client" and facts.get("status") == "failed")
