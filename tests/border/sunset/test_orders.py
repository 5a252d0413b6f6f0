"""Open orders before read-only: refused while anybody waits, unless their money goes back."""

from typing import Any

import pytest
from django.db import connection

from glaswerk.border.sunset import actions
from glaswerk.border.sunset.failures import SunsetRefused
from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.queries import stage_now
from glaswerk.money.checks import check_book
from glaswerk.shop.actions.orders import open_orders, pay_back_unsent, ship
from glaswerk.shop.models import Order, Refund
from tests.shop.conftest import *  # noqa: F403 - the shop's fixtures, as its own tests have them.
from tests.shop.conftest import buy, staff

from .conftest import SIGNED

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_is_left_without_their_things_or_their_money(
    sunset: None, shop: Any, make_variant: Any, make_person: Any, signed_in: Any
) -> None:
    variant = make_variant(shop, units=50)
    client = signed_in(make_person("ada"))
    orders = [buy(client, {variant.public_id: units}).json()["orders"][0] for units in (3, 4, 1)]
    packer = staff(shop, "packer")
    ship(packer, orders[2], "Post", "", {})
    line = Order.objects.get(pk__in=[one.pk for one in Order.objects.all() if one.public_id == orders[1]]).lines.get()
    ship(packer, orders[1], "Post", "", {line.public_id: 1})

    with pytest.raises(SunsetRefused) as refusal:
        actions.make_readonly(SIGNED)
    assert refusal.value.field == "refund" and refusal.value.detail.startswith("2 orders")
    assert stage_now() is Stage.OPEN and Refund.objects.count() == 0

    actions.make_readonly(SIGNED, refund=True)
    assert stage_now() is Stage.READONLY
    assert not open_orders().exists()
    by_id = {one.public_id: one for one in Order.objects.all()}
    assert [str(by_id[one].state) for one in orders] == ["cancelled", "partly_shipped", "shipped"]
    assert by_id[orders[0]].refunded_minor == by_id[orders[0]].total_minor
    # Three of the four pieces were not sent.
    assert by_id[orders[1]].refunded_minor == line.total_minor - line.total_minor // 4
    assert by_id[orders[2]].refunded_minor == 0
    assert {str(one.state) for one in Refund.objects.all()} == {"done"}
    pay_back_unsent(by_id[orders[1]].pk, "again")
    assert Refund.objects.count() == 2
    assert check_book().violations == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(on_hand) FROM shop_stock")
        # Fifty, less the one that was sent of each of two orders.
        assert cursor.fetchone()[0] == 48
