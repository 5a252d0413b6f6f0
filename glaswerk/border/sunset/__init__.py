"""Sunset: a legal date after which the cell is read-only, and then dark, until it is resumed or handed over."""
