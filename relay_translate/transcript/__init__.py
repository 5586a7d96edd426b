"""Both wires as people read them: requests, answers, what the translation did.  Nothing here is sent to anybody."""

from .answer_text import RUNNING, AnswerView, answer_view
from .layout import WIDTH, columns, count, tidy
from .phases import phase_words
from .plain_json import OPENED, close_envelopes, open_envelopes, pretty
from .prefix import Difference, prefix_difference
from .request_text import request_view
from .translation_text import translation_view

__all__ = [
    "OPENED",
    "RUNNING",
    "WIDTH",
    "AnswerView",
    "Difference",
    "answer_view",
    "close_envelopes",
    "columns",
    "count",
    "open_envelopes",
    "phase_words",
    "prefix_difference",
    "pretty",
    "request_view",
    "tidy",
    "translation_view",
]
