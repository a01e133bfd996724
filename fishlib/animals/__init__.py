"""The animals of a recording."""
