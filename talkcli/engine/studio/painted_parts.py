"""The parts of a head that painters tell apart, by number."""

PARTS = (
    "skin", "cavity", "left_eye", "right_eye", "upper_teeth", "lower_teeth", "upper_gum", "lower_gum",
    "tongue",
    "left_ear", "right_ear", "left_lashes", "right_lashes", "hair",
)  # fmt: skip
