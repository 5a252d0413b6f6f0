"""Glaswerk: a self-hosted short-video and social-shopping platform whose feed anyone can check."""

__version__ = "0.1.0"
