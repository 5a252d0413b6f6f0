"""Carve-out: a whole cell becomes an independent one of a new owner, and both sides can prove what was handed over."""
