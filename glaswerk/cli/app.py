"""The composition of the `glaswerk` command."""


def main() -> None:
    """Run the command."""
