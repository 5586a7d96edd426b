"""Responses API <-> Chat Completions, as pure functions and one state machine.

`translate_request` turns a Responses request into a chat request and a context; `StreamTranslator` turns the
provider's stream into the Responses stream.  No I/O, clock or randomness: these come in as arguments.
"""

from .context import TurnContext
from .errors import ApiError, InvalidRequest, TranslationError, error_body, translate_error
from .json_text import json_bytes
from .profiles import Profile, find_profile
from .request import RequestOptions, TranslatedRequest, translate_request
from .response import WholeReply, error_headers, error_stream, translate_response
from .translator import StreamTranslator, TurnSummary

__version__ = "0.1.0"

__all__ = [
    "ApiError",
    "InvalidRequest",
    "Profile",
    "RequestOptions",
    "StreamTranslator",
    "TranslatedRequest",
    "TranslationError",
    "TurnContext",
    "TurnSummary",
    "WholeReply",
    "error_body",
    "error_headers",
    "error_stream",
    "find_profile",
    "json_bytes",
    "translate_error",
    "translate_request",
    "translate_response",
]
