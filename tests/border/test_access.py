"""The one door to personal data: without the log's word nothing opens, and whoever is looked at can see it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from glaswerk.cell import recorder
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.key_holder import LONGEST_ACCESS, LocalKeyHolder, NoWarrant, Warrant
from glaswerk.cell.models import Record
from glaswerk.cell.records import NotRecorded, log_policy, prove_record, record
from glaswerk.people.access import actions
from glaswerk.people.access.actions import AccessRefused, open_access, request_access
from glaswerk.people.access.admin import is_personal
from glaswerk.people.access.door import check_access, reading_as, warrant_for
from glaswerk.people.keyring import commitment, key_holder, pseudonym, show_warrant
from glaswerk.people.models import Access, DataKey, Person, Role
from glaswerk.shop.models import Address
from glaswerk.tlog import LogError, TlogProof
from tests.people.conftest import sign_in

People = Callable[..., Person]
in_transactions = pytest.mark.django_db(transaction=True)
REASON = "Anna asked why her parcel went to Bert."
ASKED: dict[str, Any] = {"purpose": "support", "reason": REASON, "scopes": ["account"], "hours": 1}


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder at work, in this process."""
    wait = actions.wait_recorded

    def record_and_wait(made: Record, patience_s: float = 10) -> Record:
        recorder.record_once(settings.CELL)
        return wait(made, patience_s)

    monkeypatch.setattr(actions, "wait_recorded", record_and_wait)


@pytest.fixture
def mia(make_person: People) -> Person:
    """A moderator."""
    return make_person("mia", role=Role.MODERATOR)


def refused(owner: Person, warrant: Warrant) -> str:
    with pytest.raises(NoWarrant) as caught:
        show_warrant(owner.pk, warrant)
    return str(caught.value)


@in_transactions
@pytest.mark.usefixtures("recording")
def test_the_door_opens_for_what_was_asked_and_for_nothing_else(mia: Person, anna: Person, make_person: People) -> None:
    bert, olga = make_person("bert"), make_person("olga", role=Role.OPERATOR)
    assert not check_access(mia, anna.pk, "account")
    access = request_access(mia, "anna", **ASKED)
    assert check_access(mia, anna.pk, "account")
    for staff, owner, scope in (
        (mia, anna, "shopping"),
        (mia, bert, "account"),
        (olga, anna, "account"),
        (bert, anna, "account"),
    ):
        assert not check_access(staff, owner.pk, scope)
    entry = Entry.parse(access.record.entry.encode())
    assert entry.facts == {
        "person": pseudonym(anna), "by": pseudonym(mia), "role": "moderator", "purpose": "support", "scope": ["account"],
        "reason": commitment(anna, REASON), "until": access.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    # Nobody who reads the log learns who it was about, or why.
    assert not any(word in access.record.entry for word in ("anna", "mia", REASON, anna.public_id))
    TlogProof.parse(access.proof.encode()).verify(access.record.entry.encode(), log_policy(settings.CELL))
    # A moderator who is none any more has no door, whatever was open.
    Person.objects.filter(pk=mia.pk).update(role=Role.VIEWER)
    assert not check_access(Person.objects.get(pk=mia.pk), anna.pk, "account")


@in_transactions
@pytest.mark.usefixtures("recording")
def test_the_key_holder_refuses_every_proof_but_the_right_one(mia: Person, anna: Person, make_person: People) -> None:
    bert = make_person("bert")
    request_access(mia, "anna", **ASKED)
    good = warrant_for(mia, anna.pk, "account")
    show_warrant(anna.pk, good)
    request_access(mia, "bert", **ASKED)
    of_bert = warrant_for(mia, bert.pk, "account")
    # No proof, half a proof, another person's proof, another's entry, another member of staff, another scope.
    assert "proof" in refused(anna, replace(good, proof=b""))
    assert "proof" in refused(anna, replace(good, proof=good.proof[: len(good.proof) // 2]))
    assert "proof" in refused(anna, replace(good, proof=of_bert.proof))
    assert "somebody else" in refused(anna, of_bert)
    assert "somebody else's" in refused(anna, replace(good, by=pseudonym(bert)))
    assert "other data" in refused(anna, replace(good, scope="money"))
    # An entry that is about something else, though it is in the log.
    with transaction.atomic():
        other = record(EntryKind.ERASE, {"person": pseudonym(anna)})
    recorder.record_once(settings.CELL)
    other.refresh_from_db()
    proof = prove_record(other, settings.CELL).encode()
    assert "erase" in refused(anna, replace(good, entry=other.entry.encode(), proof=proof))
    # Words that the log never had: the time was made longer.
    said = json.loads(good.entry)
    said["facts"]["until"] = "2099-01-01T00:00:00Z"
    forged = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    Entry.parse(forged)
    assert "proof" in refused(anna, replace(good, entry=forged))
    # One bit anywhere in entry or proof.
    for at in range(0, len(good.entry), 7):
        refused(anna, replace(good, entry=good.entry[:at] + bytes([good.entry[at] ^ 1]) + good.entry[at + 1 :]))
    # A holder that knows no log lets nobody in.
    wrapped = bytes(DataKey.objects.get(owner=anna.pk).wrapped)
    assert key_holder().unwrap_for(anna.pk, wrapped, good)
    with pytest.raises(NoWarrant):
        LocalKeyHolder(settings.CELL.keys).unwrap_for(anna.pk, wrapped, good)


@in_transactions
@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize("hours", [(-1, 1), (-3, -2), (0, 9), (-9, 1)])
def test_a_stale_entry_opens_nothing_though_the_log_has_it(mia: Person, anna: Person, hours: tuple[int, int]) -> None:
    # Made by hand, as an operator with the database in hand would; the log takes what it is given.
    begin, end = (timezone.now() + timedelta(hours=hour) for hour in hours)
    facts = {
        "person": pseudonym(anna), "by": pseudonym(mia), "purpose": "support", "scope": ["account"], "reason": "5" * 64,
        "until": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('cell_record', 'id'))")
        entry = Entry(cursor.fetchone()[0], begin.replace(microsecond=0), EntryKind.ACCESS, facts)
        made = Record.objects.create(
            id=entry.id, kind="access", entry=entry.encode().decode(), facts=facts, at=entry.at
        )
    recorder.record_once(settings.CELL)
    made.refresh_from_db()
    warrant = Warrant(entry.encode(), prove_record(made, settings.CELL).encode(), pseudonym(mia), "account")
    is_open = begin <= timezone.now() < end and end - begin <= LONGEST_ACCESS
    if is_open:
        show_warrant(anna.pk, warrant)
    else:
        assert "over" in refused(anna, warrant)


@in_transactions
@pytest.mark.usefixtures("recording")
def test_a_row_that_was_made_longer_in_the_database_opens_nothing(
    mia: Person, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = request_access(mia, "anna", **ASKED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Access.objects.filter(pk=access.pk).update(until=access.at + LONGEST_ACCESS + timedelta(seconds=1))
    Access.objects.filter(pk=access.pk).update(until=access.at + LONGEST_ACCESS, scopes=["account", "money"])
    assert not check_access(mia, anna.pk, "money")
    assert check_access(mia, anna.pk, "account")

    class Later:
        """A clock that is two hours ahead."""

        @staticmethod
        def now(zone: Any) -> Any:
            return timezone.now() + timedelta(hours=2)

        fromisoformat = staticmethod(type(access.at).fromisoformat)

    from glaswerk.cell import key_holder as holding

    monkeypatch.setattr(holding, "datetime", Later)
    assert not check_access(mia, anna.pk, "account")


@in_transactions
def test_without_a_recorder_nothing_opens_until_the_log_has_it(
    mia: Person, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = actions.wait_recorded
    monkeypatch.setattr(actions, "wait_recorded", lambda made: wait(made, 0))
    with pytest.raises(NotRecorded):
        request_access(mia, "anna", **ASKED)
    access = Access.objects.get()
    assert (access.proof, check_access(mia, anna.pk, "account")) == ("", False)
    # Whoever writes a proof of their own gets nothing by it.
    Access.objects.update(proof="c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert not check_access(mia, anna.pk, "account")
    Access.objects.update(proof="")
    recorder.record_once(settings.CELL)
    access.record.refresh_from_db()
    access.refresh_from_db()
    open_access(access)
    assert check_access(mia, anna.pk, "account")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": "curiosity"}, "purpose"),
        ({"reason": "because"}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "zero \0 byte in it"}, "reason"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"hours": 0}, "hours"),
        ({"hours": 9}, "hours"),
        ({"name": "nobody"}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "mia"}, "name"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_logged(
    mia: Person, anna: Person, change: dict[str, Any], field: str
) -> None:
    asked = {**ASKED, **change}
    with pytest.raises(AccessRefused) as caught:
        request_access(mia, asked.pop("name", "anna"), **asked)
    assert caught.value.field == field
    assert (Access.objects.count(), Record.objects.count()) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.VIEWER, Role.CREATOR])
def test_nobody_but_staff_asks(anna: Person, make_person: People, role: str) -> None:
    paul = make_person("paul", role=role)
    with pytest.raises(PermissionDenied):
        request_access(paul, "anna", **ASKED)
    client = Client()
    sign_in(client, "paul")
    assert [client.get("/access").status_code, client.post("/access", {"name": "anna"}).status_code] == [404, 404]
    assert (Access.objects.count(), Record.objects.count()) == (0, 0)


@in_transactions
@pytest.mark.usefixtures("recording")
def test_encrypted_values_are_blank_for_staff_without_a_door(mia: Person, anna: Person) -> None:
    Address.objects.create(person=anna, name="Anna A.", street="Torstraße 1", country="DE")
    assert Address.objects.get().street == "Torstraße 1"
    with reading_as(mia):
        assert Address.objects.get().street == ""
    request_access(mia, "anna", **ASKED)
    with reading_as(mia):
        assert Address.objects.get().street == ""
    request_access(mia, "anna", **{**ASKED, "scopes": ["shopping"]})
    with reading_as(mia):
        assert Address.objects.get().street == "Torstraße 1"


@in_transactions
@pytest.mark.usefixtures("recording")
def test_a_person_sees_who_looked_and_takes_the_proof_along(
    mia: Person, as_anna: Client, anna: Person, make_person: People
) -> None:
    assert "Nobody has asked" in as_anna.get("/me/access").content.decode()
    staff = Client()
    sign_in(staff, "mia")
    form = {"name": "@Anna", "purpose": "order", "reason": REASON, "scopes": ["account", "shopping"], "hours": "2"}
    bad = staff.post("/access", {**form, "hours": "99"})
    assert (bad.status_code, Access.objects.count()) == (422, 0)
    assert staff.post("/access", form).status_code == 302
    assert "@anna" in staff.get("/access").content.decode()
    page = as_anna.get("/me/access").content.decode()
    assert "Moderator" in page and REASON in page and "mia" not in page
    access = Access.objects.get()
    address = f"/me/access/{access.public_id}/proof"
    entry = as_anna.get(f"{address}?what=entry").content
    TlogProof.parse(as_anna.get(address).content).verify(entry, log_policy(settings.CELL))
    with pytest.raises(LogError):
        TlogProof.parse(as_anna.get(address).content).verify(entry + b" ", log_policy(settings.CELL))
    make_person("bert")
    other = Client()
    sign_in(other, "bert")
    assert [
        other.get(address).status_code,
        Client().get(address).status_code,
        other.get("/me/access/x/proof").status_code,
    ] == [404, 302, 404]


@in_transactions
@pytest.mark.usefixtures("recording")
def test_the_admin_has_the_same_door(anna: Person, make_person: People) -> None:
    olga = make_person("olga", role=Role.OPERATOR)
    client = Client()
    sign_in(client, "olga")
    page = f"/admin/people/person/{anna.pk}/change/"
    shut = client.get(page).content.decode()
    assert "anna@example.org" not in shut and "/access" in shut
    assert "anna@example.org" not in client.get("/admin/people/person/").content.decode()
    # What is not shown is not taken from a form either.
    client.post(
        page, {"display_name": "Anna", "bio": "", "role": "viewer", "is_active": "on", "email": "x@example.org"}
    )
    anna.refresh_from_db()
    assert (anna.display_name, anna.email) == ("Anna", "anna@example.org")
    request_access(olga, "anna", **ASKED)
    assert "anna@example.org" in client.get(page).content.decode()


def test_no_list_of_the_admin_names_anything_personal() -> None:
    found = set()
    for model, shown in admin.site._registry.items():
        filters = [one[0] if isinstance(one, tuple) else one for one in shown.list_filter]
        # A creator's name is public, and the way to it is.
        for name in (*shown.list_display, *filters, *shown.search_fields):
            if isinstance(name, str) and is_personal(model, name):
                found.add((model._meta.label, name))
    assert found == set()
    assert is_personal(Person, "email") and is_personal(Person, "=email") and not is_personal(Person, "name")


@in_transactions
@pytest.mark.usefixtures("recording")
def test_the_command_line_has_the_same_door(anna: Person, mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    from glaswerk.cli import person as command

    monkeypatch.setattr(command, "attached_cell", nullcontext)

    def run(*words: str) -> Any:
        return CliRunner().invoke(command.app, list(words))

    shut = run("show", "anna", "--by", "mia")
    assert shut.exit_code == 1 and "anna@" not in shut.output and "person access" in shut.output
    words = ["access", "anna", "--by", "mia", "--purpose", "support", "--reason", REASON, "--scope", "account"]
    assert run(*words[:-1], "all").exit_code == 1
    assert run(*words[:3], "anna", *words[4:]).exit_code == 1
    assert Access.objects.count() == 0
    assert run(*words).exit_code == 0
    assert json.loads(run("show", "anna", "--by", "mia", "--json").stdout)["email"] == "anna@example.org"
    # Who has no office has no role in a list.
    assert {one["name"]: one["role"] for one in json.loads(run("list", "--json").stdout)} == {
        "anna": "",
        "mia": "moderator",
    }
