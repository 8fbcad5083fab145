"""ARKIT: the shapes of face capture, by which programs hand a face to each other."""

ARKIT = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Apple's names in alphabetical order; left and right are the subject's, left is +x."""

LOOK_ASIDE, LOOK_UP = 32.0, 26.0
"""Degrees by which the eyeLook shapes of the built-in head turn an eye at weight 1: in and out, up and down.
In public recordings of face capture the first is 32 or 33, the second 34."""

OPPOSITES = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    *(
        (f"{one}{side}", f"{other}{side}")
        for side in ("Left", "Right")
        for one, other in (
            ("mouthSmile", "mouthFrown"),
            ("eyeLookIn", "eyeLookOut"),
            ("eyeLookUp", "eyeLookDown"),
            ("eyeBlink", "eyeWide"),
            ("browDown", "browOuterUp"),
        )
    ),
)
"""Shapes of which face capture never shows both: one undoes the other."""
