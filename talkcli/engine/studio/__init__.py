"""The synthetic capture studio: a procedural person and what she says; everything the bundled talkers learn from."""
