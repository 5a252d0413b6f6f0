"""Every read about persons that a page, an endpoint or a command needs."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from glaswerk.people.models import Person


def person_by_name(name: str) -> Person | None:
    """Return the active person of that name, whatever its case.  One query."""
    return Person.objects.filter(name=name.lower(), is_active=True).first()


def people_by_name() -> QuerySet[Person]:
    """Return everybody, in the order of their names.  One query."""
    return Person.objects.order_by("name")


def security_of(person: Person) -> dict[str, bool | int]:
    """Return how a person's account is protected, for the settings page.  Two queries."""
    types = list(Authenticator.objects.filter(user=person).values_list("type", flat=True))
    confirmed = EmailAddress.objects.filter(user=person, verified=True, primary=True).exists()
    return {
        "email_confirmed": confirmed,
        "authenticator_app": Authenticator.Type.TOTP in types,
        "passkeys": types.count(Authenticator.Type.WEBAUTHN),
    }
