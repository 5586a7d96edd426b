"""Types of arguments that several commands share; argparse prints what they complain of."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit


def speed(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give a number from 0 up, such as 2")
    return factor


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def upstream_url(text: str) -> str:
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and url.hostname and (url.port or 1) and not url.query
    except ValueError:
        usable = False
    if not usable or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no base URL; give one such as https://api.example.com/v1")
    return text.rstrip("/")
