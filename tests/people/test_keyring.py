"""Everybody's own keys: what they encrypt, for whom and where, and that nothing opens it once they are destroyed."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, models, transaction

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import new_id
from glaswerk.cell.key_holder import LocalKeyHolder
from glaswerk.people import keyring
from glaswerk.people.encrypted import EncryptedTextField, Sealed
from glaswerk.people.keyring import (
    KeyDestroyed,
    KeyLost,
    commitment,
    destroy_keys,
    finish_destroying,
    load_keys,
    pseudonym,
    seal,
    unseal,
)
from glaswerk.people.models import DataKey, Person

People = Callable[..., Person]
in_transactions = pytest.mark.django_db(transaction=True)


def test_a_holder_unwraps_for_the_owner_alone(tmp_path: Path) -> None:
    holder = LocalKeyHolder(tmp_path / "keys")
    wrapped = holder.wrap(7, b"secret")
    assert b"secret" not in wrapped
    assert LocalKeyHolder(tmp_path / "keys").unwrap(7, wrapped) == b"secret"
    holder.wrap(8, b"other")
    for owner, data in ((8, wrapped), (9, wrapped), (7, wrapped[:-1]), (7, b""), (7, b"\x02" + wrapped[1:])):
        with pytest.raises(KeyLost):
            holder.unwrap(owner, data)
    for at in range(len(wrapped)):
        with pytest.raises(KeyLost):
            holder.unwrap(7, wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :])
    # Another cell's key, though it had the same share.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "people").symlink_to(tmp_path / "keys" / "people")
    with pytest.raises(KeyLost):
        LocalKeyHolder(tmp_path / "other").unwrap(7, wrapped)


def test_a_holder_forgets_for_ever(tmp_path: Path) -> None:
    holder = LocalKeyHolder(tmp_path / "keys")
    wrapped, kept = holder.wrap(7, b"secret"), holder.wrap(8, b"other")
    share = next((tmp_path / "keys" / "people").rglob("0000000000007"))
    before = share.read_bytes()
    for _ in range(2):
        holder.destroy(7)
    holder.destroy(9)
    for owner in (7, 9):
        assert not holder.holds(owner)
        with pytest.raises(KeyDestroyed):
            holder.unwrap(owner, wrapped)
        with pytest.raises(KeyDestroyed):
            holder.wrap(owner, b"anew")
    assert not [path for path in (tmp_path / "keys").rglob("*") if path.is_file() and before in path.read_bytes()]
    assert holder.unwrap(8, kept) == b"other"


def test_keys_that_two_make_at_once_are_the_same(tmp_path: Path) -> None:
    wrapped: list[bytes] = []
    start = threading.Barrier(8)

    def wrap() -> None:
        start.wait()
        wrapped.append(LocalKeyHolder(tmp_path / "keys").wrap(7, b"secret"))

    threads = [threading.Thread(target=wrap) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {LocalKeyHolder(tmp_path / "keys").unwrap(7, one) for one in wrapped} == {b"secret"}
    assert len(wrapped) == 8


@pytest.mark.django_db
def test_a_value_opens_for_its_person_at_its_place(make_person: People) -> None:
    anna, bert = make_person("anna"), make_person("bert")
    sealed = seal(anna.pk, "notes/text/1", "Grüße")
    assert unseal(anna.pk, "notes/text/1", sealed) == "Grüße"
    assert seal(anna.pk, "notes/text/1", "Grüße") != sealed
    for owner, place, data in (
        (bert.pk, "notes/text/1", sealed),
        (anna.pk, "notes/text/2", sealed),
        (anna.pk, "notes/text/1", sealed[:-1]),
        (anna.pk, "notes/text/1", b""),
    ):
        with pytest.raises(KeyLost):
            unseal(owner, place, data)


@pytest.mark.django_db
def test_a_person_is_the_same_in_the_log_and_nobody_else(make_person: People) -> None:
    anna, bert = make_person("anna"), make_person("bert")
    assert pseudonym(anna) == pseudonym(Person.objects.get(pk=anna.pk)) != pseudonym(bert)
    assert len(pseudonym(anna)) == 64
    assert commitment(anna, "why") == commitment(anna, "why") != commitment(bert, "why")
    assert commitment(anna, "why") != commitment(anna, "why not")


@in_transactions
def test_a_key_that_was_rolled_back_is_used_by_nobody(anna: Person) -> None:
    with transaction.atomic():
        lost = seal(anna.pk, "a/b/1", "lost with its row")
        assert unseal(anna.pk, "a/b/1", lost) == "lost with its row"
        transaction.set_rollback(True)
    assert DataKey.objects.count() == 0
    kept = seal(anna.pk, "a/b/1", "kept")
    keyring._cache = keyring._Cache()
    assert unseal(anna.pk, "a/b/1", kept) == "kept"


@in_transactions
def test_destroyed_keys_open_nothing_not_even_from_a_backup(make_person: People) -> None:
    anna, bert = make_person("anna"), make_person("bert")
    sealed, other = seal(anna.pk, "a/b/1", "x"), seal(bert.pk, "a/b/1", "y")
    backup = DataKey.objects.get(owner=anna.pk).wrapped
    with transaction.atomic():
        destroy_keys(anna.pk)
        destroy_keys(anna.pk)
    for work in (
        lambda: unseal(anna.pk, "a/b/1", sealed),
        lambda: seal(anna.pk, "a/b/2", "z"),
        lambda: pseudonym(anna),
    ):
        with pytest.raises(KeyDestroyed):
            work()
    # The row of yesterday's dump is put back, and the account is gone.
    DataKey.objects.filter(owner=anna.pk).update(wrapped=backup, destroyed_at=None)
    Person.objects.filter(pk=anna.pk).delete()
    with pytest.raises(KeyDestroyed):
        unseal(anna.pk, "a/b/1", sealed)
    assert unseal(bert.pk, "a/b/1", other) == "y"


@in_transactions
def test_another_process_sees_at_once_that_a_key_was_destroyed(anna: Person) -> None:
    sealed = seal(anna.pk, "a/b/1", "x")
    # What another process does leaves this one's memory as it is.
    LocalKeyHolder(settings.CELL.keys).destroy(anna.pk)
    with pytest.raises(KeyDestroyed):
        unseal(anna.pk, "a/b/1", sealed)


@in_transactions
def test_a_kill_before_the_holder_has_forgotten_is_made_up_for(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(anna.pk, "a/b/1", "x")
    with monkeypatch.context() as patch:
        patch.setattr(LocalKeyHolder, "destroy", lambda self, owner: None)
        destroy_keys(anna.pk)
    assert LocalKeyHolder(settings.CELL.keys).holds(anna.pk)
    with pytest.raises(KeyDestroyed):
        seal(anna.pk, "a/b/1", "x")
    assert [finish_destroying() for _ in range(2)] == [1, 0]
    assert not LocalKeyHolder(settings.CELL.keys).holds(anna.pk)


@in_transactions
def test_a_list_of_people_asks_once_for_their_keys(
    make_person: People, django_assert_num_queries: Callable[[int], Any]
) -> None:
    people = [make_person(f"person{number}") for number in range(5)]
    sealed = {person.pk: seal(person.pk, "a/b/1", person.name) for person in people}
    keyring._cache = keyring._Cache()
    with django_assert_num_queries(1):
        load_keys(sealed)
        load_keys(sealed)
        assert [unseal(person.pk, "a/b/1", sealed[person.pk]) for person in people] == [one.name for one in people]


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"wrapped": b""}, {"destroyed_at": "2026-01-01T00:00Z"}])
def test_a_key_is_there_or_destroyed(anna: Person, change: dict[str, Any]) -> None:
    pseudonym(anna)
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(owner=anna.pk).update(**change)
    assert bytes(DataKey.objects.get(owner=anna.pk).wrapped)


@pytest.fixture
def note(anna: Person) -> Iterator[Any]:
    """A model with encrypted columns, and its table."""

    class Note(models.Model):
        id = personal(models.BigIntegerField(primary_key=True, default=new_id))
        about = personal(models.ForeignKey(Person, models.DO_NOTHING, db_constraint=False, related_name="+"))
        text = personal(EncryptedTextField(person="about", max_length=20, blank=True))
        name = personal(EncryptedTextField(person="about.id", blank=True))

        class Meta:
            app_label = "people"

    with connection.schema_editor() as editor:
        editor.create_model(Note)
    yield Note
    if not connection.in_atomic_block:
        with connection.schema_editor() as editor:
            editor.delete_model(Note)
    del apps.all_models["people"]["note"]
    apps.clear_cache()


def column(name: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM people_note ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


@in_transactions
def test_a_column_holds_noise_and_reads_as_text(note: Any, anna: Person) -> None:
    one = note.objects.create(about=anna, text="Grüße", name="Ä")
    note.objects.bulk_create([note(id=one.pk + 1, about=anna, text="Grüße"), note(id=one.pk + 2, about=anna)])
    assert one.text == "Grüße"
    read = list(note.objects.order_by("id"))
    assert [(each.text, each.name) for each in read] == [("Grüße", "Ä"), ("Grüße", ""), ("", "")]
    texts = column("text")
    assert [bool(text) for text in texts] == [True, True, False]
    assert not any("Gr" in text for text in texts)
    assert texts[0] != texts[1]
    # Saving what was only read leaves the bytes as they were.
    read[0].save()
    assert column("text") == texts
    read[0].text = "anders"
    read[0].save(update_fields=["text"])
    assert note.objects.get(pk=one.pk).text == "anders"
    assert note.objects.defer("text").get(pk=one.pk).text == "anders"
    assert type(note.objects.values_list("text", flat=True).get(pk=one.pk)) is Sealed
    assert list(note.objects.filter(text="").values_list("pk", flat=True)) == [read[2].pk]


@pytest.mark.django_db
def test_a_value_that_is_moved_to_another_row_or_column_is_noise(note: Any, anna: Person) -> None:
    one, two = (note.objects.create(about=anna, text=text, name=text) for text in ("one", "two"))
    sealed = note.objects.values_list("text", flat=True).get(pk=one.pk)
    note.objects.filter(pk=two.pk).update(text=sealed, name=sealed)
    moved = note.objects.get(pk=two.pk)
    for name in ("text", "name"):
        with pytest.raises(KeyLost):
            getattr(moved, name)


@pytest.mark.django_db
def test_nothing_readable_reaches_the_database(note: Any, anna: Person) -> None:
    one = note.objects.create(about=anna, text="one")
    with pytest.raises(FieldError), transaction.atomic():
        note.objects.filter(pk=one.pk).update(text="two")
    with pytest.raises(FieldError):
        list(note.objects.filter(text="one"))
    assert note.objects.get(pk=one.pk).text == "one"


@pytest.mark.django_db
def test_a_text_whose_key_was_destroyed_reads_as_empty_and_stays_noise(note: Any, anna: Person) -> None:
    note.objects.create(about=anna, text="one")
    noise = column("text")
    destroy_keys(anna.pk)
    read = note.objects.get()
    assert read.text == ""
    read.save()
    assert column("text") == noise
    read.text = "again"
    with pytest.raises(KeyDestroyed), transaction.atomic():
        read.save()


def test_a_row_without_an_id_of_its_own_cannot_be_encrypted() -> None:
    class Careless(models.Model):
        text = EncryptedTextField(person="id")

        class Meta:
            app_label = "people"

    try:
        assert [error.id for error in Careless._meta.get_field("text").check()] == ["glaswerk.E005"]
    finally:
        del apps.all_models["people"]["careless"]
        apps.clear_cache()
