"""GLM's coding plan (September 2026): the same hosts and key with another path, which decides whose wallet pays.

No host tells it, so it is named with `relay_profile`, or its path stands in the upstream's URL.
"""

from dataclasses import replace

from .glm import PROFILE as GLM

PROFILE = replace(
    GLM,
    name="glm-coding",
    title="GLM coding plan",
    hosts=(),
    models=(),
    base_path="/api/coding/paas/v4",
    address="https://api.z.ai/api/coding/paas/v4",
)
