"""Keys, and how they are kept out of everything that is shown, stored or said."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

from mitmproxy import http

from . import compat

SCRUBBED = "[scrubbed]"
_SHORTEST = 8  # what is shorter stands in any text
_MOST_KNOWN = 1000
CREDENTIAL_HEADERS = (
    "authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "set-cookie",
)  # fmt: skip


# Accounts, organisations and addresses of people, in requests and in answers.
_ACCOUNT_HEADER = re.compile(
    r"chatgpt-account-id|(openai|anthropic|x)-(organization|org|project|account|team|tenant|user)(-id|-name)?"
    r"|x-(forwarded-for|real-ip|client-ip)|forwarded|cf-connecting-ip|true-client-ip"
)
_SECRET_HEADER = re.compile(r"(.*[-_])?(api-?key|token|secret|password|signature|credential)")

known: OrderedDict[str, None] = OrderedDict()
"""Keys that this process has seen, the latest last: what is written is searched for them."""


def remember(secrets: Iterable[str]) -> None:
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            known[secret] = None
            known.move_to_end(secret)
    while len(known) > _MOST_KNOWN:
        known.popitem(last=False)


def credentials(headers: http.Headers) -> list[str]:
    """The keys in a message's headers, without their scheme."""
    values = (headers.get(name, "") for name in CREDENTIAL_HEADERS if not name.endswith("cookie"))
    return [bare for value in values if len(bare := value.rpartition(" ")[2]) >= _SHORTEST and not is_scrubbed(bare)]


def is_secret_header(name: str, *, accounts: bool = True) -> bool:
    """Whether a header's value opens something, or (accounts) tells whose it is."""
    name = name.lower()
    if accounts and _ACCOUNT_HEADER.fullmatch(name):
        return True
    return name in CREDENTIAL_HEADERS or _SECRET_HEADER.fullmatch(name) is not None


def scrub_headers(headers: http.Headers) -> None:
    """Replace credentials; the scheme (Bearer) stays, it tells how the request was authorised."""
    for name in CREDENTIAL_HEADERS:
        if name in headers:
            scheme, space, rest = headers[name].partition(" ")
            headers[name] = f"{scheme} {SCRUBBED}" if name.endswith("authorization") and space and rest else SCRUBBED


def mask(text: bytes) -> bytes:
    """As long as the text, so that what is counted in it stays true, and never something that is masked again."""
    word = SCRUBBED.encode()
    return word + b"*" * (len(text) - len(word)) if len(text) >= len(word) else b"*" * len(text)


def is_scrubbed(value: str) -> bool:
    return SCRUBBED in value


def scrub_flow(flow: http.HTTPFlow, secrets: Iterable[str] = ()) -> None:
    """Take the keys out of a flow whose traffic is over."""
    compat.scrub_backup(flow, scrub_headers)
    for message in (flow.request, flow.response):
        if message is None:
            continue
        scrub_headers(message.headers)
        for secret in secrets:
            if message.raw_content and secret.encode() in message.raw_content:
                message.raw_content = message.raw_content.replace(secret.encode(), mask(secret.encode()))
