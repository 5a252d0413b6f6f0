"""What people's rights refuse: which field, and a sentence that says what to do about it."""


class RightsError(Exception):
    """Something that cannot be done as asked."""

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.status = status
