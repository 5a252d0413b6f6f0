"""`glaswerk demo`."""


def demo() -> None:
    """Run a cell with demo content."""
