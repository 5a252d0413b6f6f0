"""What the money app does later.  Each job may run twice."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from glaswerk.money.amounts import Money
from glaswerk.money.commissions import mature_commissions
from glaswerk.money.models import Payment
from glaswerk.money.payments.actions import refund_payment, resolve_open
from glaswerk.money.payments.reconciling import reconcile
from glaswerk.money.payments.sandbox import post

_QUEUE: Final = "events"
_logger = structlog.get_logger("glaswerk.money")


@app.periodic(cron="* * * * * */20")
@app.task(name="money.resolve_operations", queue=_QUEUE, queueing_lock="money.resolve_operations")
def resolve_operations(timestamp: int) -> None:
    """Ask the provider after operations without an outcome."""
    del timestamp
    resolve_open()


@app.periodic(cron="* * * * * */20")
@app.task(name="money.deliver_sandbox_hooks", queue=_QUEUE, queueing_lock="money.deliver_sandbox_hooks")
def deliver_sandbox_hooks(timestamp: int) -> None:
    """Bring the sandbox's hooks."""
    del timestamp
    post.deliver()


@app.periodic(cron="11 * * * *")
@app.task(name="money.mature_commissions", queue=_QUEUE, queueing_lock="money.mature_commissions")
def mature(timestamp: int) -> None:
    """Make payable what no return can take back any more."""
    del timestamp
    while mature_commissions():
        pass


@app.periodic(cron="23 2 * * *")
@app.task(name="money.reconcile_yesterday", queue=_QUEUE, queueing_lock="money.reconcile_yesterday")
def reconcile_yesterday(timestamp: int) -> None:
    """Compare yesterday's settlement with what is known here."""
    day = (datetime.fromtimestamp(timestamp, UTC) - timedelta(days=1)).date()
    found = reconcile(settings.CELL.config.payments.provider, day)
    if found.differences:
        _logger.error("the settlement differs", day=str(day), differences=len(found.differences))


@app.task(name="money.give_back_surplus", queue=_QUEUE, retry=RetryStrategy(max_attempts=20, exponential_wait=2))
def give_back_surplus(payment_id: int) -> None:
    """Give back what was paid a second time for the same purchase."""
    payment = Payment.objects.get(pk=payment_id)
    refund_payment(payment.pk, Money(payment.captured, payment.currency), f"surplus:{payment.pk}")
