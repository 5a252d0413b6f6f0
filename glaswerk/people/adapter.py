"""How django-allauth makes and names our persons, and what it says to them."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.requests import RequestSite
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.people.actions import apply_birth_year
from glaswerk.people.leaving import is_leaving, stay
from glaswerk.people.models import Person
from glaswerk.people.names import clean_name

_WRONG_SIGN_IN = _("This name, e-mail address or password is not right.")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Account rules of this project."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is switched off."),
        "cannot_remove_primary_email": _("You cannot remove your main e-mail address."),
        "duplicate_email": _("This address is already yours."),
        "email_password_mismatch": _WRONG_SIGN_IN,
        "username_password_mismatch": _WRONG_SIGN_IN,
        "enter_current_password": _("This is not your current password."),
        "incorrect_code": _("This code is not right, or it has expired."),
        "incorrect_password": _("This password is not right."),
        "invalid_password_reset": _("This link has expired or was used already. Please ask for a new one."),
        "too_many_login_attempts": _("Too many attempts. Please wait a few minutes, then try again."),
        "unverified_primary_email": _("Please confirm your main e-mail address first."),
        "username_taken": _("This name is taken. Please choose another one."),
        "rate_limited": _("Too many requests. Please wait a minute, then try again."),
    }

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return the stored form of a name.  Raises ValidationError for a bad, reserved or taken one."""
        name: str = super().clean_username(clean_name(username), shallow)
        return name

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: Form, commit: bool = True
    ) -> AbstractBaseUser:
        """Store the person of a valid sign-up form, with the defaults that the year of birth asks for."""
        assert isinstance(user, Person)
        apply_birth_year(user, form.cleaned_data["birth_year"], timezone.localdate())
        saved: AbstractBaseUser = super().save_user(request, user, form, commit)
        return saved

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **hooks: Any) -> HttpResponse | None:
        """Let somebody who is leaving sign in: that is how they come back."""
        if isinstance(user, Person) and is_leaving(user):
            return None
        answer: HttpResponse | None = super().pre_login(request, user, **hooks)
        return answer

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign somebody in after their last step, and keep the account of somebody who was leaving."""
        assert isinstance(user, Person)
        if not user.is_active:
            if not stay(user):
                # It was erased while they signed in.
                raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
            messages.success(request, _("Welcome back. Your account stays, and everybody sees it again."))
        super().login(request, user)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: EmailConfirmation, signup: bool) -> None:
        """Ask the owner of an address to confirm it, or tell them that they have an account already.

        Either way exactly one mail goes out, and the page that caused it says the same.
        """
        address = emailconfirmation.email_address
        others = EmailAddress.objects.filter(email=address.email, verified=True).exclude(user=address.user)
        if others.exists():
            self.send_account_already_exists_mail(address.email)
        else:
            super().send_confirmation_mail(request, emailconfirmation, signup)

    def format_email_subject(self, subject: str) -> str:
        """Return the subject as it is: the sender's name says which cell it comes from."""
        return subject

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that names the cell by its title."""
        site = RequestSite(self.request)
        site.name = settings.CELL.config.cell.title
        super().send_mail(template_prefix, email, {"current_site": site, **context})


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors of this project."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "add_email_blocked": _("Your account is protected by a second step; please switch that off first."),
        "cannot_delete_authenticator": _("You cannot switch off the second step."),
        "cannot_generate_recovery_codes": _("Recovery codes need an authenticator app or a passkey first."),
        "incorrect_code": _("This code is not right, or it has expired."),
        "unverified_email": _("Please confirm your e-mail address first. Then you can protect your account here."),
    }

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        """Return what an authenticator app shows: the name, since a screen full of accounts is easily seen by others."""
        return str(user)
