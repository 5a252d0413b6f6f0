"""The `glaswerk` command."""

from glaswerk.cli.app import main

__all__ = ["main"]
