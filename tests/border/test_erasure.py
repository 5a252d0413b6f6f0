"""Somebody who asks to be forgotten is: in every table, every file, the keys; and nobody else loses a thing."""

import base64
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk.border.actions import erasures, exports
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Erasure, Import, ImportRow, ImportState
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.cell.keeping import discard
from glaswerk.cell.models import Record
from glaswerk.feed.models import Dials, PolicyRecord, Relation, SlateRecord, Watch
from glaswerk.money.models import Destination, Operation, Payment, Payout, PayoutRun
from glaswerk.people import actions as people
from glaswerk.people.encrypted import encrypted_fields
from glaswerk.people.keyring import KeyDestroyed, pseudonym, seal, unseal
from glaswerk.people.models import Departure, Person, Role
from glaswerk.shop.models import (
    Address,
    Cart,
    Invoice,
    Merchant,
    Order,
    OrderEvent,
    Purchase,
    Refund,
    Return,
    Staff,
)
from glaswerk.shop.paying import reference_of
from glaswerk.social.actions import post_comment
from glaswerk.social.models import Block, Comment, Counts, Follow, Like, Save
from glaswerk.videos.models import CaptionTrack, Credit, Cut, Draft, Sound, Source, Upload, Video
from tests.border.conftest import PASSWORD, MakePerson, MakeVideo, picture

pytestmark = pytest.mark.django_db
Commit = Callable[..., Any]
NOW = timezone.now()


class Canaries:
    """Words that stand nowhere else; each is to be found before, and none after."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.sung: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        word = f"canary{next(self._numbers):03d}zq"
        self.sung[word] = place
        return word


def heard_in_tables(words: set[str]) -> set[str]:
    """Return which of the words stand in any row of any table, as text, in hexadecimal or in base64."""
    found: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT whole::text FROM "{table}" AS whole')
            text = "\n".join(row[0] for row in cursor.fetchall())
            for word in words - found:
                forms = (word, word.encode().hex(), base64.b64encode(word.encode()).decode().rstrip("=")[:-1])
                if any(form in text for form in forms):
                    found.add(word)
    return found


def heard_under_keys(words: set[str]) -> set[str]:
    """Return which of the words stand in any encrypted column, read with the keys of whom they are about."""
    read = [
        str(getattr(row, field.name))
        for model in apps.get_models()
        if (fields := encrypted_fields(model))
        for row in model._default_manager.all()
        for field in fields
    ]
    return {word for word in words if any(word in text for text in read)}


def heard_in_files(cell: Cell, words: set[str]) -> set[str]:
    """Return which of the words stand in any file of the cell, or in its name; keys and mails are no such files."""
    found: set[str] = set()
    for folder in (cell.media, cell.uploads, cell.exports, cell.archive):
        for path in folder.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            found |= {word for word in words if word.encode() in data or word in path.name}
    return found


def run_discards() -> None:
    """Do what the jobs do that remove files."""
    for job in ProcrastinateJob.objects.filter(task_name="videos.discard_blobs", status="todo"):
        discard(job.args["names"])


def fill(person: Person, other: Person, canary: Canaries, make_video: MakeVideo, cell: Cell) -> None:
    """Give a person something in every app, with a canary wherever words can stand."""
    people.set_avatar(person, picture())
    LogEntry.objects.create(
        user=other, content_type=ContentType.objects.get_for_model(Person), object_id=str(person.pk),
        object_repr=canary("a log entry about them"), action_flag=CHANGE, change_message=canary("its message"),
    )  # fmt: skip
    LogEntry.objects.create(user=person, object_repr=canary("a log entry of theirs"), action_flag=CHANGE)
    Authenticator.objects.create(user=person, type="totp", data={"secret": canary("a second step")})

    video = make_video(
        person,
        b"\x00\x00\x00\x18ftypmp42" + canary("an original").encode(),
        caption=canary("a caption"),
        hashtags=[canary("a hashtag")],
    )
    title = canary("the title of a sound")
    heard = blobs.store_bytes(canary("a sound").encode(), "m4a")
    sound = Sound.objects.create(title=title, owner=person, video=video, blob=heard, duration_ms=1)
    Video.objects.filter(pk=video.pk).update(sound=sound, sound_title=title)
    CaptionTrack.objects.create(video=video, language="de", blob=blobs.store_bytes(canary("captions").encode(), "vtt"))
    draft = Draft.objects.create(owner=person, title=canary("a draft"), timeline=canary("a timeline"))
    file = cell.uploads / "source"
    file.write_bytes(canary("a source").encode())
    Source.objects.create(draft=draft, original=blobs.store_original(file))
    Cut.objects.create(video=video, version=1, timeline=canary("a cut"))
    file.write_bytes(canary("an upload").encode())
    Upload.objects.create(
        owner=person,
        purpose="source",
        length=1,
        metadata=canary("what an upload says"),
        expires_at=NOW,
        sha=blobs.store_original(file),
    )
    file.unlink()
    theirs = make_video(other, mentions=[person.pk, other.pk], sound=sound, sound_title=title)
    Credit.objects.create(video=theirs, kind="sound", of_sound=sound, of_person=person, name=person.name, title=title)
    Source.objects.create(
        draft=Draft.objects.create(owner=other, timeline="{}"), reuse="duet", of_video=video, credit=person.name
    )

    Follow.objects.create(follower=person, followed=other, at=NOW)
    Follow.objects.create(follower=other, followed=person, at=NOW)
    Block.objects.create(blocker=person, blocked=other, at=NOW)
    for mark in (Like, Save):
        mark.objects.create(person=person, video=theirs, at=NOW)
    Comment.objects.create(video=theirs, author=person, text=canary("a comment"))
    Comment.objects.create(video=theirs, author=other, text="Bleibt")
    Counts.objects.create(video=theirs, likes=4, saves=1, comments=2)

    Watch.objects.create(
        viewer=person.pk, video=theirs.pk, first_at=1, last_at=1, watched=True, watched_ms=1, loops=0, shared=False,
        liked_at=1, saved_at=0, refused_at=0, watched_at=1,
    )  # fmt: skip
    Relation.objects.create(viewer=person.pk, creator=other.pk, follow_at=1, block_at=0)
    Dials.objects.create(viewer=person.pk, settings={f"hide:word:{canary('a hidden word')}": [1, 1]}, at=1, reset_at=0)
    SlateRecord.objects.create(
        id=person.pk + 1,
        viewer=person.pk,
        epoch="0" * 64,
        at=1,
        ask=b"",
        slate=b"",
        viewer_state=canary("a slate").encode(),
    )
    PolicyRecord.objects.create(sha256="0" * 64, text="", set_at=NOW, set_by=person.name, reason="because")

    Destination.objects.create(
        creator_id=person.pk,
        holder=canary("an account's holder"),
        iban=canary("an IBAN"),
        provider_account=canary("an account"),
    )
    run = PayoutRun.objects.create(name="2026-11", method="sepa", currency="EUR")
    paid = Operation.objects.create(
        key="payout:1",
        provider="sandbox",
        kind="transfer",
        reference="payout:1",
        destination=canary("where it went"),
        amount=1,
        currency="EUR",
        state="succeeded",
    )
    Payout.objects.create(
        run=run,
        creator_id=person.pk,
        amount=1,
        holder=canary("a payout's holder"),
        iban=canary("a payout's IBAN"),
        provider_account=canary("a payout's account"),
        operation=paid,
        state="paid",
    )

    Address.objects.create(
        person=person, country="DE", **{name: canary(f"an address: {name}") for name in ("name", "company", "street", "postal_code", "city", "area", "phone")}
    )  # fmt: skip
    Cart.objects.create(buyer=person.pk, person=person)
    merchant = Merchant.objects.create(name="glas", title="Glas", legal_name="Glas GmbH")
    purchase = Purchase.objects.create(
        buyer=person.pk, person=person, key=canary("a purchase's key"), state="paid", currency="EUR", total_minor=100,
        quote_hash="0" * 64, asked_hash="0" * 64, plan={}, address={"name": canary("an order's address"), "country": "DE"},
        email=f"{canary('an order')}@example.org", method=canary("a card"), expires_at=NOW, language="de",
    )  # fmt: skip
    order = Order.objects.create(
        purchase=purchase, merchant=merchant, buyer=person.pk, state="delivered", currency="EUR", items_minor=100,
        total_minor=100, delivery_name="Post", delivered_at=NOW,
    )  # fmt: skip
    Invoice.objects.create(order=order, merchant=merchant, number=1)
    OrderEvent.objects.create(order=order, kind="paid", note=canary("a note"), by=person.pk)
    Return.objects.create(order=order, state="received", reason=canary("why it came back"))
    Refund.objects.create(
        purchase=purchase, order=order, key="1", minor=1, reason=canary("why it was paid back"), state="done"
    )
    payment = Payment.objects.create(
        key=reference_of(purchase.pk), reference=reference_of(purchase.pk), provider="sandbox", method=canary("a payment"),
        next_url=canary("where to confirm"), currency="EUR", total=100, authorised=100, captured=100, state="succeeded",
    )  # fmt: skip
    Purchase.objects.filter(pk=purchase.pk).update(payment=payment.pk)

    file.write_bytes(canary("an archive").encode())
    brought = Import.objects.create(
        person=person, state=ImportState.PREVIEW, archive=blobs.store_original(file), origin=canary("an origin")
    )
    ImportRow.objects.create(
        run=brought, number=0, kind="like", key=canary("a key"), title=canary("a row"), facts={"x": canary("a fact")}
    )
    file.unlink()
    exports.make_export(exports.begin_export(person).pk)


@pytest.fixture
def due(cell: Cell, settings: Any) -> None:
    """Let nobody have days of grace."""
    settings.CELL.config = cell.config.model_copy(
        update={"rights": cell.config.rights.model_copy(update={"erase_days": 0})}
    )


def test_no_canary_is_left_and_others_keep_theirs(
    make_person: MakePerson,
    make_video: MakeVideo,
    cell: Cell,
    due: None,
    django_capture_on_commit_callbacks: Commit,
) -> None:
    canary = Canaries()
    name = canary("the name")
    anna = make_person(name, display_name=canary("the shown name"))
    people.edit_profile(anna, display_name=anna.display_name, bio=canary("the bio"))
    ben = make_person("ben")
    fill(anna, ben, canary, make_video, cell)
    session = Client()
    session.post("/accounts/login/", {"login": name, "password": PASSWORD})
    words = set(canary.sung)
    assert len(words) >= 50
    before = heard_in_tables(words) | heard_under_keys(words) | heard_in_files(cell, words)
    assert len(heard_under_keys(words)) >= 15 and not heard_under_keys(words) & heard_in_tables(words)
    assert before == words, f"the search itself must find {[canary.sung[each] for each in words - before]}"
    known_as, number = pseudonym(anna), anna.pk
    sealed = seal(number, "here", "a secret")

    with django_capture_on_commit_callbacks(execute=True):
        erasures.request_erasure(anna)
    with django_capture_on_commit_callbacks(execute=True):
        assert erasures.erase_due() == 1
    run_discards()

    left = heard_in_tables(words) | heard_under_keys(words)
    assert not left, f"in tables: {[canary.sung[each] for each in left]}"
    left = heard_in_files(cell, words)
    assert not left, f"in files: {[canary.sung[each] for each in left]}"
    with connection.cursor() as cursor:
        for table, column in (
            ("feed_watch", "viewer"),
            ("shop_purchase", "buyer"),
            ("shop_order", "buyer"),
            ("shop_cart", "buyer"),
            ("shop_orderevent", "by"),
        ):
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [number])
            assert cursor.fetchone()[0] == 0, table
    with pytest.raises(KeyDestroyed):
        unseal(number, "here", sealed)

    # What the law keeps is there, and it adds up.
    assert Order.objects.get().total_minor == 100 and Invoice.objects.count() == 1
    assert Purchase.objects.get().address == {"country": "DE"}
    assert Payout.objects.get().amount == 1
    entry = Record.objects.get(kind="erase")
    assert entry.facts["person"] == known_as
    # What is somebody else's is theirs still.
    assert Video.objects.get().creator == ben and Video.objects.get().mentions == [ben.pk]
    assert Comment.objects.get().text == "Bleibt"
    counts = Counts.objects.get()
    assert (counts.likes, counts.saves, counts.comments) == (3, 0, 1)
    assert blobs.current_store().stat(blobs.Blob(Video.objects.get().source)) is not None
    assert [each.to for each in mail.outbox[-2:]] == [[f"{name}@example.org"]] * 2
    assert "kept" not in mail.outbox[-1].body.split("\n")[0] and "§ 147 AO" in mail.outbox[-1].body
    assert Erasure.objects.get().number == number
    assert session.get("/me").status_code == 302


def test_hidden_at_once_and_back_by_signing_in(make_person: MakePerson, make_video: MakeVideo) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    video = make_video(anna)
    Comment.objects.create(video=make_video(ben), author=anna, text="Schön")
    client, stranger = Client(), Client()
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert client.get("/me/leave").status_code == 302, "it is asked once more who is there"
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/me/leave")
    assert page.status_code == 200 and "§ 147 AO" in page.content.decode()
    refused = client.post("/me/leave", {"name": "somebody"})
    assert refused.status_code == 422 and Person.objects.get(name="anna").is_active and not Departure.objects.exists()
    assert client.post("/me/leave", {"name": "@Anna"}).status_code == 302
    assert stranger.get("/@anna").status_code == 404
    assert stranger.get(f"/v/{video.public_id}").status_code == 404
    theirs = Video.objects.get(creator=ben)
    assert stranger.get(f"/api/videos/{theirs.public_id}/comments").json()["comments"] == []
    assert client.get("/me").status_code == 302
    departure = Departure.objects.get()
    assert departure.due_at - departure.asked_at == timedelta(days=14)
    assert erasures.erase_due() == 0 and Person.objects.filter(name="anna").exists()

    wrong = client.post("/accounts/login/", {"login": "anna", "password": "not the password"})
    assert wrong.status_code == 200 and Departure.objects.exists()
    back = client.post("/accounts/login/", {"login": "anna", "password": PASSWORD}, follow=True)
    assert "Welcome back" in back.content.decode()
    assert not Departure.objects.exists() and stranger.get("/@anna").status_code == 200


def test_somebody_switched_off_by_an_operator_does_not_come_back_by_signing_in(make_person: MakePerson) -> None:
    Person.objects.filter(pk=make_person("anna").pk).update(is_active=False)
    client = Client()
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert client.get("/me").status_code == 302 and not Person.objects.get(name="anna").is_active


def obstacles() -> Iterator[tuple[str, Callable[[Person], Any], str]]:
    yield "operator", lambda person: Person.objects.filter(pk=person.pk).update(role=Role.OPERATOR), "only operator"

    def bought(person: Person) -> None:
        purchase = Purchase.objects.create(
            buyer=person.pk, key="1", state="paid", currency="EUR", total_minor=1, quote_hash="", asked_hash="",
            plan={}, address={}, method="", expires_at=NOW,
        )  # fmt: skip
        merchant = Merchant.objects.create(name="glas", title="Glas")
        Order.objects.create(
            purchase=purchase, merchant=merchant, buyer=person.pk, currency="EUR", items_minor=1, total_minor=1,
            delivery_name="",
        )  # fmt: skip

    yield "order", bought, "under way"

    def owns(person: Person) -> None:
        Staff.objects.create(merchant=Merchant.objects.create(name="glas", title="Glas"), person=person, role="owner")

    yield "shop", owns, "only owner"


@pytest.mark.parametrize(
    ("what", "make", "sentence"), obstacles(), ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_is_open_comes_first(
    what: str, make: Callable[[Person], Any], sentence: str, make_person: MakePerson, due: None
) -> None:
    anna = make_person("anna")
    make(anna)
    anna.refresh_from_db()
    with pytest.raises(RightsError, match=sentence) as refused:
        erasures.request_erasure(anna)
    assert refused.value.status == 409 and Person.objects.get(pk=anna.pk).is_active and not Departure.objects.exists()
    # What opens after the request keeps the erasure waiting, and nothing is lost.
    Departure.objects.create(person=anna, asked_at=NOW - timedelta(days=1), due_at=NOW)
    assert erasures.erase_due() == 0 and Person.objects.filter(pk=anna.pk).exists()
    assert sentence in " ".join(Departure.objects.get().waits_for)


def test_an_erasure_that_breaks_leaves_everything(
    make_person: MakePerson, make_video: MakeVideo, due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = make_person("anna")
    make_video(anna)
    erasures.request_erasure(anna)

    def broken(*words: Any) -> None:
        raise RuntimeError("the machine stops")

    monkeypatch.setattr(erasures, "record", broken)
    assert erasures.erase_due() == 0
    assert Person.objects.filter(pk=anna.pk).exists() and Video.objects.count() == 1 and pseudonym(anna)
    monkeypatch.undo()
    assert erasures.erase_due() == 1 and not Person.objects.filter(pk=anna.pk).exists()


def test_nothing_can_be_written_about_somebody_who_is_gone(
    make_person: MakePerson, make_video: MakeVideo, due: None
) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    video = make_video(ben)
    erasures.request_erasure(anna)
    stale = Person.objects.get(pk=anna.pk)
    assert erasures.erase_due() == 1

    def too_late() -> None:
        with transaction.atomic():
            post_comment(stale, video.pk, "zu spät")
            connection.check_constraints()

    with pytest.raises(IntegrityError):
        too_late()
    assert not Comment.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaves", [True, False], ids=["leaving", "staying"])
def test_a_comment_written_at_that_very_moment_leaves_nothing(
    leaves: bool, make_person: MakePerson, make_video: MakeVideo, due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    video, stale = make_video(ben), Person.objects.get(pk=anna.pk)
    locked, go_on = threading.Event(), threading.Event()
    whole = erasures.record

    def slowly(*words: Any) -> Any:
        locked.set()
        assert go_on.wait(60)
        return whole(*words)

    def erasing() -> None:
        erasures.erase_due()
        connection.close()

    failures: list[Exception] = []

    def commenting() -> None:
        try:
            post_comment(stale, video.pk, "noch schnell")
        except IntegrityError as error:
            failures.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(erasures, "record", slowly)
    threads = [threading.Thread(target=commenting)]
    if leaves:
        erasures.request_erasure(anna)
        threads.insert(0, threading.Thread(target=erasing))
        threads[0].start()
        assert locked.wait(60), "the erasure is under way, and nothing of it is committed"
    threads[-1].start()
    threads[-1].join(1)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert (len(failures), Comment.objects.count()) == ((1, 0) if leaves else (0, 1))
    assert Person.objects.filter(pk=anna.pk).exists() is not leaves
