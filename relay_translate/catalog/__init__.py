"""Models: what a provider's list says of them, what is known besides, and the catalog that Codex is given.

read_model_list(bytes) -> known_facts(facts, profile) -> codex_catalog([CatalogModel(...)])
"""

from .efforts import EFFORTS, default_effort, effort_levels
from .entries import ASSUMED_WINDOW, CatalogModel, codex_catalog, etag, model_list, window_of
from .facts import ModelFacts, ModelListError
from .instructions import BASE_INSTRUCTIONS
from .known import known_facts
from .reading import read_model_list

__all__ = [
    "ASSUMED_WINDOW",
    "BASE_INSTRUCTIONS",
    "EFFORTS",
    "CatalogModel",
    "ModelFacts",
    "ModelListError",
    "codex_catalog",
    "default_effort",
    "effort_levels",
    "etag",
    "known_facts",
    "model_list",
    "read_model_list",
    "window_of",
]
