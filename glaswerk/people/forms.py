"""Forms of the account pages."""

from allauth.account.forms import SignupForm as BaseSignupForm


class SignupForm(BaseSignupForm):
    """Sign-up."""
