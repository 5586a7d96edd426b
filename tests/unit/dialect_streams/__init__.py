"""The shapes in which providers stream, each built by a small function: texts and ids are made up, the form is theirs.

Adding one: write a function in the module of its kind, decorated with its outcome.
"""

from . import calls, endings, framing, leaks, reasoning, searches, usage  # noqa: F401 - they register themselves
from .shape import SHAPES, Shape

__all__ = ["SHAPES", "Shape"]
