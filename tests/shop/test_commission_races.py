"""Commissions where everything happens at once; needs transactions that are really committed."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.test import Client

from glaswerk.money.checks import check_book
from glaswerk.money.models import Commission
from glaswerk.shop.models import Earning, Merchant, Order

from .conftest import MakePerson, MakeVariant, SignIn, buy
from .creators import Scene


def at_once(*acts: Callable[[], object]) -> None:
    """Do these at once, each in a thread with a connection of its own."""
    start = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_purchases_at_once_by_one_touch_earn_once(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    scene = Scene(shop, make_variant, make_person, signed_in)
    assert scene.touch()
    clients = [signed_in(scene.buyer) for _ in range(4)]

    def purchase(client: Client) -> None:
        assert buy(client, {scene.variant.public_id: 1}).status_code == 201

    at_once(*(lambda client=client: purchase(client) for client in clients))
    assert (Order.objects.count(), Earning.objects.count(), Commission.objects.count()) == (4, 1, 1)
    assert {one.name: one.examples for one in check_book().findings if one.violations} == {}
