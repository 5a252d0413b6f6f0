"""Passkey forms that refuse every malformed credential with a sentence.

The library parses what the browser sends as JSON and CBOR, and lets some errors of the parsers through; anybody could
cause those, also without an account.
"""

import struct
from typing import Any, Final

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as library
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django import forms
from django.core.exceptions import ValidationError

_LONGEST: Final = 32_768
_MALFORMED: Final = (
    AssertionError,
    AttributeError,
    InvalidSignature,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    struct.error,
)


def _refusal() -> ValidationError:
    error: ValidationError = get_adapter().validation_error("incorrect_code")
    return error


class CredentialField(forms.JSONField):
    """A credential as the browser gives it: a JSON object of a sensible size."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Return the object.  Raises ValidationError for anything else."""
        if isinstance(value, str) and len(value) > _LONGEST:
            raise _refusal()
        try:
            credential = super().to_python(value)
        except RecursionError:
            raise _refusal() from None
        if credential is not None and not isinstance(credential, dict):
            raise _refusal()
        return credential


class AddPasskeyForm(library.AddWebAuthnForm):  # type: ignore[misc]
    """Adds a passkey."""

    name = forms.CharField(required=False, max_length=80)
    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        """Verify the credential."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except _MALFORMED:
            raise _refusal() from None
        return cleaned


class _ProofForm(forms.Form):
    """What the three forms that verify a proof share."""

    def clean_credential(self) -> Authenticator:
        """Verify the proof and return the passkey that gave it."""
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]
        except _MALFORMED:
            raise _refusal() from None
        return authenticator


class SignInByPasskeyForm(_ProofForm, library.LoginWebAuthnForm):  # type: ignore[misc]
    """Signs somebody in by a passkey alone."""

    credential = CredentialField()


class SecondStepByPasskeyForm(_ProofForm, library.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey as the second step."""

    credential = CredentialField()


class ConfirmByPasskeyForm(_ProofForm, library.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Confirms with a passkey that the person is still there."""

    credential = CredentialField()
