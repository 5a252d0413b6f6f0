"""What the shop refuses, and why: one error with the field that is wrong and a sentence that says what to do."""


class ShopError(Exception):
    """Something cannot be done; nothing was changed.

    `field` names what is wrong, `status` is the HTTP status: 422 for what does not fit, 409 for what came too late or
    does not fit to what stands.
    """

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.status = status
