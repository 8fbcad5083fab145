"""The synthetic capture studio: a procedural person and what she says, for the bundled talkers to learn."""
