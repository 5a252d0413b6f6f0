"""What is encrypted lies in no table in the clear: neither what is written now, nor what an older version had written."""

import json
import re

import pytest
from django.apps import apps
from django.db import connection

from glaswerk.money.models import Destination, Payout
from glaswerk.money.payouts import set_destination
from glaswerk.people.encrypted import encrypt_rows, encrypted_fields
from glaswerk.people.keyring import destroy_keys
from glaswerk.people.models import Person
from glaswerk.shop.actions.carts import save_address
from glaswerk.shop.models import Address, Purchase
from glaswerk.videos.drafts.actions import create_draft, save_draft
from glaswerk.videos.models import Draft

pytestmark = pytest.mark.django_db
ADDRESS = {"name": "Canary Anna", "street": "Canarystraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}


def dump() -> str:
    """Everything that every table holds, as text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_what_is_written_now_is_nowhere_in_the_clear(anna: Person) -> None:
    save_address(anna, ADDRESS, is_default=True)
    set_destination(anna.pk, "Canary Holder", "DE89 3704 0044 0532 0130 00")
    draft = Draft.objects.create(owner=anna, title="Canary title", timeline='{"canary": 1}')
    Purchase.objects.create(
        buyer=-77, key="k", currency="EUR", total_minor=0, plan={}, address=ADDRESS, email="",
        expires_at="2027-01-01T00:00Z", quote_hash="", asked_hash="", method="",
    )  # fmt: skip
    whole = dump()
    assert not re.search("canary|3704 ?0044", whole, re.IGNORECASE)
    # The search finds what is there.
    Person.objects.filter(pk=anna.pk).update(bio="a canary sings")
    assert re.search("canary", dump())
    assert Address.objects.get().street == "Canarystraße 1"
    assert Purchase.objects.get().address["name"] == "Canary Anna"
    assert Draft.objects.get(pk=draft.pk).timeline == '{"canary": 1}'
    assert Destination.objects.get().iban == "DE89370400440532013000"


def test_what_an_older_version_had_written_is_encrypted_by_the_migration(anna: Person) -> None:
    with connection.cursor() as cursor:
        for number in range(3):
            cursor.execute(
                "INSERT INTO shop_address (id, person_id, name, company, street, postal_code, city, area, country, phone, place, is_default)"
                " VALUES (%s, %s, %s, '', 'Canarystraße 1', '1', 'C', '', 'DE', '', '', false)",
                [number + 1, anna.pk, f"Canary {number}"],
            )
        cursor.execute(
            "INSERT INTO shop_purchase (id, buyer, key, state, currency, total_minor, quote_hash, asked_hash, plan, address, email,"
            " language, method, created_at, expires_at) VALUES (1, -5, 'k', 'reserved', 'EUR', 0, '', '', '{}',"
            """ '{"name": "Canary \\"Anna\\""}', '', 'de', '', now(), now())"""
        )
        cursor.execute("INSERT INTO money_destination VALUES (%s, 'Canary', '', 'acct_canary')", [anna.pk])
        cursor.execute(
            "INSERT INTO money_payoutrun (name, method, provider, currency, at) VALUES ('r', 'sepa', '', 'EUR', now()) RETURNING id"
        )
        run = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO money_payout (run_id, creator_id, amount, holder, iban, provider_account, state)"
            " VALUES (%s, %s, 5, 'Canary', '', '', 'sent')",
            [run, anna.pk],
        )
    encrypt_rows(
        "shop_address",
        dict.fromkeys(("name", "company", "street", "postal_code", "city", "area", "phone"), False),
        "t.person_id",
    )
    encrypt_rows("shop_purchase", {"address": True}, "t.buyer")
    fields = dict.fromkeys(("holder", "iban", "provider_account"), False)
    encrypt_rows("money_destination", fields, "t.creator_id", key="creator_id")
    encrypt_rows("money_payout", fields, "t.creator_id", row="t.run_id || '/' || t.creator_id")
    assert not re.search("canary", dump(), re.IGNORECASE)
    assert [one.name for one in Address.objects.order_by("pk")] == ["Canary 0", "Canary 1", "Canary 2"]
    assert {one.company for one in Address.objects.all()} == {""}
    purchase = Purchase.objects.get()
    assert purchase.address == {"name": 'Canary "Anna"'}
    assert Destination.objects.get().provider_account == "acct_canary"
    assert Payout.objects.get().holder == "Canary"


def test_saving_a_draft_writes_ciphertext_and_reads_as_before(anna: Person) -> None:
    draft = create_draft(anna)
    document = json.loads(draft.timeline)
    document["name"] = "canary"
    saved = save_draft(anna, draft.public_id, 1, document, "canary title")
    assert (saved.title, "canary" in saved.timeline, saved.version) == ("canary title", True, 2)
    assert "canary" not in dump()


def test_of_somebody_whose_key_was_destroyed_nothing_is_left(anna: Person) -> None:
    save_address(anna, ADDRESS, is_default=True)
    destroy_keys(anna.pk)
    assert {getattr(Address.objects.get(), field.name) for field in encrypted_fields(Address)} == {""}


def test_every_encrypted_column_is_personal() -> None:
    found = [field for model in apps.get_models() for field in encrypted_fields(model)]
    assert len(found) >= 18
    assert {field.db_comment for field in found} == {"PERSONAL"}
