"""Kill -9 between the provider's yes and our commit, then three retries: one charge.

The payer is a process of its own, which kills itself at the worst moment.  It is forked, because loading the apps anew
for each attempt takes longer than all the rest of these tests.
"""

import os
import signal
import traceback
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection

from glaswerk.money.amounts import Money
from glaswerk.money.models import Operation, Payment
from glaswerk.money.payments import start_payment
from glaswerk.money.payments.port import PaymentFact
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox

from .conftest import Shop

pytestmark = pytest.mark.django_db(transaction=True)
TEN = Money(1000, "EUR")


def in_a_process(work: Callable[[], object]) -> int:
    """Run work in a process of its own; return its exit status, or the negative number of the signal that ended it."""
    # A connection must not be shared by two processes.
    connection.close()
    connection.close_pool()
    store.close()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying() -> None:
    """Have this process die as soon as the sandbox has taken a payment."""
    create = Sandbox.create_payment

    def create_and_die(self: Sandbox, key: str, amount: Money, token: str, reference: str) -> PaymentFact:
        create(self, key, amount, token, reference)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives that")

    Sandbox.create_payment = create_and_die  # type: ignore[method-assign]


def pay() -> None:
    assert start_payment("purchase:killed", TEN, "sandbox:tok_success", "k1").state == "succeeded"


def test_a_kill_after_the_provider_accepted_and_three_retries_are_one_charge(shop: Shop) -> None:
    def pay_and_die() -> None:
        dying()
        pay()

    assert in_a_process(pay_and_die) == -signal.SIGKILL
    assert store.charges("pay:k1") == 1
    assert (Payment.objects.get().state, Operation.objects.get().state) == ("pending", "pending")
    # The first retry asks, and so never comes to the call in which it would die.
    assert [in_a_process(work) for work in (pay_and_die, pay, pay)] == [0, 0, 0]
    assert store.charges("pay:k1") == 1
    payment = Payment.objects.get()
    assert (payment.state, payment.captured) == ("succeeded", 1000)


def test_without_the_operation_a_killed_payment_is_charged_again(shop: Shop) -> None:
    def pay_without() -> None:
        # Nothing is written before the call, so every attempt is the first one, and has a key of its own.
        Sandbox(settings.CELL).create_payment(f"pay:k2:{uuid.uuid4()}", TEN, "tok_success", "purchase:killed")

    def pay_and_die() -> None:
        dying()
        pay_without()

    assert in_a_process(pay_and_die) == -signal.SIGKILL
    assert in_a_process(pay_without) == 0
    assert store.charges("pay:k2") == 2
