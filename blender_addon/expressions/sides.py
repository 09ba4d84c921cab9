"""Left and right: what mirrors into what, and which blendshapes go together when both sides do the same.

Eyes that do the same look the same way, they do not squint: with both sides linked, the left eye looking out (to
the subject's left) goes with the right eye looking in. In a mirrored face, though, out stays out. Jaw and mouth
moving left or right are directions, not sides: they mirror, but nothing links them.
"""

from __future__ import annotations

from collections.abc import Mapping

from .table import REGION_OF

DIRECTIONS = frozenset({"jawLeft", "jawRight", "mouthLeft", "mouthRight"})
_OPPOSITE_GAZE = {"eyeLookInRight": "eyeLookOutLeft", "eyeLookOutRight": "eyeLookInLeft"}


def mirror_name(name: str) -> str:
    """The blendshape that a mirror shows; a blendshape without sides is its own."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


LEADER_OF: dict[str, str] = {
    name: _OPPOSITE_GAZE.get(name) or mirror_name(name)
    for name in REGION_OF
    if name.endswith("Right") and name not in DIRECTIONS
}
"""Right blendshape -> the left one that leads it when both sides are linked."""

FOLLOWER_OF: dict[str, str] = {left: right for right, left in LEADER_OF.items()}
"""Left blendshape -> the right one that follows it."""

LINKED_GAZE = {"eyeLookInLeft": ("Look Right", "62"), "eyeLookOutLeft": ("Look Left", "61")}
"""Label and FACS number of what both eyes do when the left one leads; the subject's right and left."""


def mirrored(weights: Mapping[str, float]) -> dict[str, float]:
    """The expression that a mirror shows: every weight goes to the other side."""
    return {mirror_name(name): weight for name, weight in weights.items()}


def copied(weights: Mapping[str, float], to_right: bool) -> dict[str, float]:
    """The expression with one side's weights on both; what has no sides keeps its weight.

    ``to_right``: from the subject's left to the right, else the other way.
    """
    result = dict(weights)
    for right, left in LEADER_OF.items():
        source, target = (left, right) if to_right else (right, left)
        if source in weights and target in weights:
            result[target] = weights[source]
    return result


def agreed(weights: Mapping[str, float], links: Mapping[str, str]) -> dict[str, float]:
    """Weights for a head with linked sides: the left one of a pair gets the mean of what the two are given.

    links : right name -> the left name that it follows
    """
    result = {name: weight for name, weight in weights.items() if name not in links}
    for right, left in links.items():
        if right in weights:
            result[left] = 0.5 * (weights[right] + weights.get(left, weights[right]))
    return result
