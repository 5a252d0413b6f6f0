"""What the people app holds about a person."""

from collections.abc import Iterable
from typing import ClassVar

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from glaswerk.cell.blobs import Blob
from glaswerk.people.models import AVATAR_EXTENSION, Access, Departure, Person, Role
from glaswerk.people.rights import Carried, Exporter, Record, category, facts

_UNUSED = "The role alone decides what somebody may do; nothing is ever written here."
_MACHINERY = "It runs the cell and knows numbers only."


class PeopleExporter(Exporter):
    """Account, addresses, second steps and what an operator did in the admin."""

    app = "people"
    excluded: ClassVar = {
        "people.Person_groups": _UNUSED,
        "people.Person_user_permissions": _UNUSED,
        "people.DataKey": "It is a key, and nobody's to read; it is destroyed when the person goes.",
        "auth.Group": _UNUSED,
        "auth.Group_permissions": _UNUSED,
        "auth.Permission": _UNUSED,
        "contenttypes.ContentType": _MACHINERY,
        "procrastinate.ProcrastinateEvent": _MACHINERY,
        "procrastinate.ProcrastinateJob": _MACHINERY,
        "procrastinate.ProcrastinatePeriodicDefer": _MACHINERY,
        "procrastinate.ProcrastinateWorker": _MACHINERY,
        "sessions.Session": "It is a key that opens the account; it ends when the account does.",
    }

    @category(gettext_lazy("Account"), "people.Person", "people.Departure")
    def account(self, person: Person) -> Iterable[Record]:
        """Everything that the account itself says."""
        record = facts(person, "avatar")
        if person.avatar:
            record["picture"] = _AVATAR
        yield record
        yield from ({"leaving": facts(each)} for each in Departure.objects.filter(person=person))

    @category(gettext_lazy("E-mail addresses"), "account.EmailAddress", "account.EmailConfirmation")
    def addresses(self, person: Person) -> Iterable[Record]:
        """The addresses, and when each was asked to be confirmed."""
        for address in EmailAddress.objects.filter(user=person).order_by("pk"):
            asked = EmailConfirmation.objects.filter(email_address=address).order_by("pk")
            yield {**facts(address), "confirmations": [facts(each) for each in asked]}

    @category(gettext_lazy("Second steps of signing in"), "mfa.Authenticator")
    def second_steps(self, person: Person) -> Iterable[Record]:
        """Authenticator apps, passkeys and recovery codes, without what they are checked by."""
        return (facts(each) for each in Authenticator.objects.filter(user=person).order_by("pk"))

    @category(gettext_lazy("Who looked at your data"), "people.Access")
    def accesses(self, person: Person) -> Iterable[Record]:
        """When staff looked at the person's data, why, at what and until when; and what the person looked at as staff."""
        for access in Access.objects.filter(subject=person).order_by("pk"):
            yield facts(access, "staff", "subject")
        for access in Access.objects.filter(staff=person).order_by("pk"):
            yield {**facts(access, "staff", "subject", "reason"), "as_staff": True}

    @category(gettext_lazy("What you did as an operator"), "admin.LogEntry")
    def administration(self, person: Person) -> Iterable[Record]:
        """What somebody changed in the admin."""
        return (facts(each) for each in LogEntry.objects.filter(user=person).order_by("pk").iterator())

    def files(self, person: Person) -> Iterable[Carried]:
        """The picture."""
        if person.avatar:
            yield Carried(_AVATAR, Blob(person.avatar, AVATAR_EXTENSION))

    def obstacles(self, person: Person) -> list[str]:
        """A cell needs an operator."""
        if person.role == Role.OPERATOR:
            others = Person.objects.filter(role=Role.OPERATOR, is_active=True).exclude(pk=person.pk)
            if not others.exists():
                return [_("You are the only operator of this cell. Make somebody else one first.")]
        return []

    def erase(self, person: Person) -> list[str]:
        """Delete the account itself, and with it all that belongs to it."""
        # What operators noted about this person names them.
        about = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Person), object_id=str(person.pk)
        )
        about.update(object_repr="", change_message="")
        end_sessions(person)
        names = [f"{person.avatar}.{AVATAR_EXTENSION}"] if person.avatar else []
        person.delete()
        return names


_AVATAR = "people/picture.webp"


def end_sessions(person: Person) -> None:
    """Sign a person out everywhere.  Sessions say only within whose they are, so each is looked into."""
    store = SessionStore()
    for session in Session.objects.order_by().iterator(chunk_size=1000):
        if store.decode(session.session_data).get(SESSION_KEY) == str(person.pk):
            session.delete()
