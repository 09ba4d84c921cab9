"""The two landmark schemes that a ``LandmarkEmbedding`` may speak of, and the way from one to the other.

478: the face mesh network's 468 points and two irises of 5 points each. 68: iBUG's (Multi-PIE) annotation scheme,
left and right the subject's: jaw 0-16 from the subject's right ear to the left one, brows 17-26, nose 27-35, right
eye 36-41, left eye 42-47, outer lips 48-59, inner lips 60-67.
"""

from __future__ import annotations

LANDMARKS_478 = 478
LANDMARKS_68 = 68

# iBUG 68 in terms of the 478; where two are named, their mean. Tuned on renders with known 68 points, yaw -20..20.
IBUG68_FROM_478: tuple[tuple[int, ...], ...] = (
    # jaw
    (127,), (234,), (93,), (132, 58), (58, 172), (136,), (149, 150), (176,), (152,),
    (400,), (378, 379), (365,), (397, 288), (361,), (323,), (454,), (356,),
    # brows
    (70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,),
    # nose: bridge, then base
    (168,), (6,), (195,), (4,), (98,), (97,), (2,), (326,), (327,),
    # eyes
    (33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,),
    # lips: outer, then inner
    (61,), (39,), (37,), (0,), (267,), (269,), (291,), (321,), (314,), (17,), (84,), (91,),
    (78,), (81,), (13,), (311,), (308,), (402,), (14,), (178,),
)  # fmt: skip
