"""Forms of the account pages."""

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.forms import ChangePasswordForm as BaseChangePasswordForm
from allauth.account.forms import LoginForm as BaseLoginForm
from allauth.account.forms import ResetPasswordKeyForm as BaseResetPasswordKeyForm
from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.people.age import MINIMUM_AGE, earliest_birth_year, is_too_young
from glaswerk.people.models import Person
from glaswerk.people.names import clean_shown_text

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PASSWORD_HELP = _("At least 10 characters. A few words in a row are easy to keep and hard to guess.")


class LoginForm(BaseLoginForm):  # type: ignore[misc]
    """Sign-in by name or e-mail address, with a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login = self.fields["login"]
        login.label = _("Name or e-mail address")
        login.widget.attrs = {
            "autocomplete": "username webauthn",
            "autocapitalize": "none",
            "spellcheck": "false",
            "autofocus": True,
        }


class SignupForm(BaseSignupForm):  # type: ignore[misc]
    """Sign-up: a name, an e-mail address, a password and the year of birth."""

    birth_year = forms.IntegerField(
        label=_("Year of birth"),
        help_text=_("Only you see it. It decides which protection your account starts with."),
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "pattern": "[0-9]{4}",
                "maxlength": "4",
                "autocomplete": "bday-year",
            }
        ),
    )
    field_order = ("username", "email", "password1", "birth_year")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        name.label = _("Name")
        name.help_text = _("Everyone sees it, and your page has it in its address. Lower-case letters and digits.")
        name.widget.attrs |= {"autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        self.fields["email"].label = _("E-mail address")
        self.fields["email"].help_text = _("Only for your account: to sign in and to reset your password.")
        self.fields["password1"].help_text = PASSWORD_HELP

    def clean_birth_year(self) -> int:
        """Return a plausible year of birth of somebody who is old enough."""
        year: int = self.cleaned_data["birth_year"]
        today = timezone.localdate()
        if not earliest_birth_year(today) <= year <= today.year:
            raise ValidationError(_("Please enter the year with four digits, such as 2001."), code="implausible")
        if is_too_young(year, today):
            raise ValidationError(
                _(
                    "You need to be at least %(age)d to have an account here. We have not kept anything that you typed."
                    " You are welcome to watch without an account, and to come back when you are older."
                ),
                code="too_young",
                params={"age": MINIMUM_AGE},
            )
        return year


def _name_new_password(fields: dict[str, forms.Field]) -> None:
    fields["password1"].label = _("New password")
    fields["password1"].help_text = PASSWORD_HELP
    fields["password2"].label = _("New password, once more")


class ChangePasswordForm(BaseChangePasswordForm):  # type: ignore[misc]
    """Changes the password of somebody who knows it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        _name_new_password(self.fields)


class ResetPasswordKeyForm(BaseResetPasswordKeyForm):  # type: ignore[misc]
    """Sets the password of somebody who opened the link in a mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_new_password(self.fields)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a person shows of themselves."""

    avatar = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG, PNG or WebP, up to 8 MB. We keep its middle, and nothing about where it was taken."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        allow_empty_file=True,
    )
    remove_avatar = forms.BooleanField(label=_("Show no picture"), required=False)

    class Meta:
        model = Person
        fields = ("display_name", "bio", "stays_in_region")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "display_name": forms.TextInput(attrs={"autocomplete": "nickname"}),
            "bio": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts: ClassVar[dict[str, "StrOrPromise"]] = {
            "display_name": _("Any name you like. Without one we show your @name."),
            "stays_in_region": _("No other cell is told of you or your videos, and copies elsewhere are removed."),
        }

    def clean_display_name(self) -> str:
        """Return the shown name on one line."""
        return " ".join(clean_shown_text(self.cleaned_data["display_name"]).split())

    def clean_bio(self) -> str:
        """Return the bio without characters that cannot be seen."""
        return clean_shown_text(self.cleaned_data["bio"])
