"""What can be done with flow files that the relay has recorded.

A turn is two flows: the client's exchange and the linked one with the provider, tied by `metadata["relay"]`.

Both hold `role` ("client", "upstream") and `id` (of the turn). The client's flow holds besides:

    upstream_flow                    id of the linked flow
    provider, profile, label         authority that was asked, name of its profile, what it is called to people
    model, requested_model           what the provider was asked for, what the client asked for
    status                           completed, incomplete, failed, client left, killed
    error                            {code, message}, when the turn failed
    failover                         {from, to, why}, when one model stands in for another, or is told to take over
    finish, calls, notes             the provider's finish reason, names of called tools, what was repaired or left out
    quirks                           names of the repairs of the answer (relay_translate/quirks.py)
    usage, usage_estimated           as in the answer's `usage`; whether the provider sent none
    timings                          {first_byte, first_token, total}, seconds since the request was complete
    client                           {codex: version or "", versions: {relay, mitmproxy, python}}
    options                          {model_map, extra_params, drop_params, tool_denylist, disabled_quirks}, as used
                                     for this turn
    truncated                        true when a body was too large to be kept whole

and the upstream's flow `client_flow` and `pieces` (see pieces.py), the arrival of its body. Both flows hold
`metadata["relay_words"]` too, a line for filters (see addon/flow_list.py), and a turn that was asked again by
`relay.rerun` holds `metadata["relay_rerun"]`, the model. Recordings of scripted
scenarios hold `metadata["case"]` too: {name, codex, released, shows, trim, all_tools}.
"""

from __future__ import annotations


class RecordingError(Exception):
    """Something can't be done with a recording; the text is one line for the user and names the file and the remedy."""
