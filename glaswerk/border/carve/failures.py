"""What a carve-out refuses."""


class CarveRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A step that was not taken; nothing was changed.  The message says what is wrong and what to do."""
