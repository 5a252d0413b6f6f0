"""`python -m glaswerk` is the `glaswerk` command."""

from glaswerk.cli import main

main()
