"""The `glaswerk` command."""


def main() -> None:
    """Run the command."""
    from glaswerk.cli.app import app

    app()
