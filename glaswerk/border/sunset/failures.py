"""What the sunset refuses."""


class SunsetRefused(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """An act that was not done; nothing was changed.  The message names the field and the remedy."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail
