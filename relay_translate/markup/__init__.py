"""Text that is not text: reasoning between tags, and tool calls written out in a model's own markup.

Markup becomes a call only when all of this holds; else it is passed on, byte for byte:

- tools were offered, and the block is whole and calls only them, with arguments that can be read;
- it stands in no fenced code block and not behind a backtick: there it is an example;
- a marker that people write too (`<tool_call>`, `[TOOL_CALLS]`), as against a model's special tokens, stands at the
  start of a line or right behind the end of a sentence.

Such calls come last in the answer, after its text: an answer that breaks off calls nothing, and a server that leaves
the text of a call in place although it understood it does not make it twice.
"""

from .offer import Offer
from .sieve import Sieve
from .think import ThinkSplitter

__all__ = ["Offer", "Sieve", "ThinkSplitter"]
