"""What can be chosen about detail; nothing numeric is loaded to know it."""

from __future__ import annotations

from types import MappingProxyType

SOURCES = MappingProxyType({
    "mechanics": "from the strain of the skin and the lines in the photo",
    "network": "predicted by FaceScape's network",
    "bases": "HiFace's learned bases of static, compressed and stretched detail",
})  # fmt: skip
"""Who makes the displacement maps of the key expressions; the first is the default."""
DEFAULT_SOURCE = "mechanics"
SIZES = (512, 1024, 2048)
DEFAULT_SIZE = 1024
AGES = (1.0, 120.0)
"""Years, for an age that is given."""
