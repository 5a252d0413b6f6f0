"""The one error of the demo content."""


class DemoError(Exception):
    """The demo content cannot be made; the message is a sentence for whoever started it."""
