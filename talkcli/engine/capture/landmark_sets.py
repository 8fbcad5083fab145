"""Which of MediaPipe's points lie on what, by number; left is the subject's."""

from __future__ import annotations

SKIN_POINTS = 468
"""Points of the skin; those beyond are irises."""

IRIS_CENTRES = (473, 468)
"""Left and right."""

OVAL_POINTS = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
    149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, from the forehead over the left cheek: where a turned face ends, it slides."""

LIP_POINTS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88,
    178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip

INNER_LIPS = (
    (191, 95),
    (80, 88),
    (81, 178),
    (82, 87),
    (13, 14),
    (312, 317),
    (311, 402),
    (310, 318),
    (415, 324),
)
"""Upper and lower points of the inner contour that face each other."""
MIDDLE_LIPS = INNER_LIPS[3:6]

LID_POINTS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 263, 249, 390, 373, 374, 380,
    381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
)  # fmt: skip

LID_PAIRS = {"Left": ((385, 380), (386, 374), (387, 373)), "Right": ((158, 153), (159, 145), (160, 144))}
"""Upper and lower points of the lids' edges in the middle of each eye."""

EYE_CORNERS = {"Left": (362, 263), "Right": (33, 133)}

BROW_POINTS = (
    70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 336, 296, 334, 293, 300, 285, 295, 282, 283, 276,
)  # fmt: skip

NOSE_POINTS = (
    168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 48, 49, 64, 102, 129, 115, 131, 278, 279, 294,
    331, 358, 344, 360, 45, 275, 44, 274, 218, 438, 220, 440, 122, 351, 196, 419, 3, 248, 51, 281,
)  # fmt: skip

FOREHEAD, CHIN, NOSE_BRIDGE = 10, 152, 168
"""The top of the forehead, the lowest point, and the root of the nose."""
