"""Merchants over HTTP: applying, being decided about, and who works there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Staff, StaffRole

from .conftest import DETAILS, MakeMerchant, MakePerson, SignIn, send, staff


@pytest.mark.django_db
def test_a_trader_applies_is_approved_and_seen(make_person: MakePerson, operator: Person, signed_in: SignIn) -> None:
    owner = make_person("ada")
    answer = send(signed_in(owner), "post", "/api/shop/merchants", {**DETAILS, "name": "Glas"})
    assert answer.status_code == 201, answer.content
    assert answer.json()["state"] == "applied"
    assert answer.json()["trader"]["phone"] == "+49301234567"
    assert Client().get("/api/shop/merchants/glas").status_code == 404

    listed = signed_in(operator).get("/api/shop/applications").json()["merchants"]
    assert [one["name"] for one in listed] == ["glas"]
    decided = send(signed_in(operator), "post", "/api/shop/merchants/glas/decision", {"state": "approved"})
    assert decided.status_code == 200, decided.content

    seen = Client().get("/api/shop/merchants/glas").json()
    assert seen["trader"]["registration"] == DETAILS["registration"]
    assert "state" not in seen
    assert [one["role"] for one in signed_in(owner).get("/api/shop/merchants").json()["merchants"]] == ["owner"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vat_id", "DE136695977"),
        ("vat_id", "ATU13585627"),
        ("vat_id", "x" * 40),
        ("phone", "12"),
        ("phone", ""),
        ("postal_code", "1"),
        ("country", "ZZ"),
        ("email", "nobody"),
        ("city", ""),
        ("legal_name", " "),
        ("legal_name", "a\u202eb"),
        ("title", "x" * 81),
        ("self_certified", False),
        ("name", "-x"),
        ("name", "ab"),
        ("name", "Größe"),
        ("currency", "XXQ"),
    ],
)
def test_wrong_details_are_refused_by_name(
    field: str, value: object, make_person: MakePerson, signed_in: SignIn, nothing_changes: Callable[[], Any]
) -> None:
    client = signed_in(make_person())
    with nothing_changes():
        answer = send(client, "post", "/api/shop/merchants", {**DETAILS, "name": "glas", field: value})
    assert answer.status_code == 422, answer.content
    assert [error["field"].split(".")[-1] for error in answer.json()["errors"]] == [field]


@pytest.mark.django_db
def test_a_trader_without_any_number_is_nobody(make_person: MakePerson, signed_in: SignIn) -> None:
    answer = send(
        signed_in(make_person()), "post", "/api/shop/merchants",
        {**DETAILS, "name": "glas", "vat_id": "", "registration": ""},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "registration")


@pytest.mark.django_db
def test_the_database_lets_nobody_sell_who_cannot_be_traced(make_merchant: MakeMerchant) -> None:
    merchant = make_merchant(state="applied")
    for missing in ({"phone": ""}, {"street": ""}, {"registration": "", "vat_id": ""}, {"self_certified": False}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Merchant.objects.filter(pk=merchant.pk).update(state="approved", decided_at=timezone.now(), **missing)
    Merchant.objects.filter(pk=merchant.pk).update(state="approved", decided_at=timezone.now())


@pytest.mark.django_db
def test_decisions_follow_their_table(make_merchant: MakeMerchant, operator: Person, signed_in: SignIn) -> None:
    merchant, client = make_merchant(state="applied"), signed_in(operator)

    def decide(state: str) -> int:
        return send(
            client, "post", "/api/shop/merchants/glas/decision", {"state": state, "reason": "because"}
        ).status_code

    assert [decide(one) for one in ("suspended", "nonsense", "applied", "refused", "approved")] == [
        409,
        422,
        422,
        200,
        409,
    ]
    # Who was refused says more, and waits again.
    again = send(
        signed_in(staff(merchant, "owner")),
        "put",
        "/api/shop/merchants/glas",
        {**DETAILS, "city": "Bonn", "postal_code": "53111"},
    )
    assert (again.status_code, again.json()["state"], again.json()["reason"]) == (200, "applied", "")
    assert [decide(one) for one in ("approved", "suspended", "approved")] == [200, 200, 200]
    # An operator does not decide about a shop of their own.
    Staff.objects.create(merchant=merchant, person=operator, role=StaffRole.PACKER)
    assert decide("suspended") == 404


@pytest.mark.django_db
def test_a_name_is_taken_once(make_merchant: MakeMerchant, make_person: MakePerson, signed_in: SignIn) -> None:
    make_merchant("glas")
    answer = send(signed_in(make_person()), "post", "/api/shop/merchants", {**DETAILS, "name": "glas"})
    assert answer.status_code == 409


@pytest.mark.django_db(transaction=True)
def test_an_owner_stays(make_merchant: MakeMerchant, make_person: MakePerson, signed_in: SignIn) -> None:
    merchant = make_merchant()
    client, owner = signed_in(staff(merchant, "owner")), staff(merchant, "owner")
    path = f"/api/shop/merchants/glas/staff/{owner.name}"
    assert send(client, "put", path, {"role": "packer"}).status_code == 409
    assert send(client, "delete", path).status_code == 409
    assert merchant.staff.get(person=owner).role == "owner"

    make_person("second")
    assert send(client, "put", "/api/shop/merchants/glas/staff/second", {"role": "owner"}).status_code == 200
    assert send(client, "delete", path).status_code == 204
    assert send(client, "get", "/api/shop/merchants/glas/staff").status_code == 404


@pytest.mark.django_db
def test_a_holiday_has_two_ends(make_merchant: MakeMerchant, make_variant: Any, signed_in: SignIn) -> None:
    merchant = make_merchant()
    make_variant(merchant)
    client, path = signed_in(staff(merchant)), "/api/shop/merchants/glas/holiday"
    today = timezone.localdate().isoformat()
    assert send(client, "put", path, {"first": today}).status_code == 422
    assert send(client, "put", path, {"first": today, "last": "2020-01-01"}).status_code == 422
    assert len(Client().get("/api/shop/products").json()["products"]) == 1
    assert send(client, "put", path, {"first": today, "last": today}).status_code == 200
    assert Client().get("/api/shop/products").json()["products"] == []
    assert send(client, "put", path, {}).status_code == 200
    assert len(Client().get("/api/shop/products").json()["products"]) == 1
