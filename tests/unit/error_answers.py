"""Refusals of a provider, as the tests of errors give them."""

from __future__ import annotations

import json

from relay_translate import translate_error


def answer(status, body, headers=None, provider=""):
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return translate_error(status, headers or {}, data, provider=provider)
