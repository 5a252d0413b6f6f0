"""Outward: what this cell says to others, and the files that go with it."""
