"""Bringing messages to their endpoints: at least once each, with the same id and the same bytes however often.

A message is claimed for a while, sent outside of every transaction, and then noted as delivered or to be tried again.
Whoever stops in between leaves it to whoever comes after that while.  An endpoint is sent one message at a time, so that
a slow one keeps only itself waiting, and one that fails is not overrun when it comes back.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.mail import send_mail
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from glaswerk.cell.outgoing import Outgoing as Client
from glaswerk.cell.outgoing import OutgoingError
from glaswerk.shop.actions.inbox import tell_staff
from glaswerk.shop.models import Attempt, Delivery, DeliveryState, Endpoint, StaffRole
from glaswerk.shop.queries.merchants import at_least
from glaswerk.shop.webhooks.messages import body_of, headers_of

TIMEOUT_S: Final = 10.0
TRIED_FOR: Final = timedelta(days=3)
KEPT_FOR: Final = timedelta(days=30)
# After so many seconds each; the last one again and again.
BACKOFF_S: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)
_CLAIMED_FOR: Final = timedelta(seconds=60)
_AT_ONCE: Final = 4
_ANSWER_BYTES: Final = 1_024
_GONE: Final = 410
_logger = structlog.get_logger("glaswerk.shop")
_CLAIM: Final = """
UPDATE shop_delivery SET next_at = %(until)s WHERE id IN (
    SELECT due.id FROM shop_delivery AS due WHERE due.id IN (
        SELECT DISTINCT ON (one.endpoint_id) one.id FROM shop_delivery AS one
        JOIN shop_endpoint AS endpoint ON endpoint.id = one.endpoint_id
        WHERE one.state = 'waiting' AND one.next_at <= %(now)s AND endpoint.is_active
        ORDER BY one.endpoint_id, one.id
    ) AND due.state = 'waiting' AND due.next_at <= %(now)s ORDER BY due.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of a try."""

    status: int | None
    error: str
    took_ms: int

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver_due(seconds: float = 30.0) -> int:
    """Send what is due until nothing is, or for so many seconds; return how many tries were made."""
    tried, ends = 0, time.monotonic() + seconds
    with (
        Client(allow_private=settings.CELL.config.shop.hooks_to_private, timeout_s=TIMEOUT_S) as client,
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hooks") as pool,
    ):
        while time.monotonic() < ends:
            claimed = _claim(timezone.now())
            if not claimed:
                break
            # The threads send and nothing else: the database is this thread's alone.
            sent = [(one, pool.submit(_send, client, one, _headers(one))) for one in claimed]
            for delivery, future in sent:
                _note(delivery, future.result())
            tried += len(sent)
    return tried


def _claim(now: datetime) -> Sequence[Delivery]:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": now + _CLAIMED_FOR, "most": _AT_ONCE})
        numbers = [row[0] for row in cursor.fetchall()]
    found = list(Delivery.objects.filter(pk__in=numbers).select_related("endpoint__merchant").order_by("pk"))
    return [delivery for delivery in found if delivery.body or _write(delivery)]


def _write(delivery: Delivery) -> bool:
    """Write what a message says; return whether there is still something to say."""
    try:
        delivery.body = body_of(delivery)
    except ObjectDoesNotExist:
        # A stock may be removed before anybody was told that it is low.
        delivery.state = DeliveryState.FAILED
    delivery.save(update_fields=["body", "state"])
    return bool(delivery.body)


def _headers(delivery: Delivery) -> dict[str, str]:
    return headers_of(delivery, delivery.endpoint, timezone.now())


def _send(client: Client, delivery: Delivery, headers: dict[str, str]) -> _Tried:
    start = time.monotonic()
    status, error = None, ""
    try:
        status = client.post(delivery.endpoint.url, delivery.body.encode(), headers, _ANSWER_BYTES).status
    except OutgoingError as refusal:
        error = f"{refusal.reason}: {refusal}"[:200]
    return _Tried(status, error, int(1_000 * (time.monotonic() - start)))


def _note(delivery: Delivery, tried: _Tried) -> None:
    """Write down a try and what follows from it."""
    now = timezone.now()
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
        if endpoint is None:
            # It was removed while something was on its way there.
            return
        Attempt.objects.create(
            delivery_id=delivery.pk, status=tried.status, error=tried.error, took_ms=tried.took_ms, at=now
        )
        delivery.tries += 1
        delivery.state, delivery.next_at = _after(delivery, tried, now)
        delivery.save(update_fields=["tries", "state", "next_at"])
        if tried.is_taken:
            Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)
            return
        since = endpoint.failing_since or now
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=since)
        if tried.status == _GONE:
            _disable(endpoint, "It answered 410 Gone.")
        elif now - since >= TRIED_FOR:
            _disable(endpoint, "It took no message for three days.")


def _after(delivery: Delivery, tried: _Tried, now: datetime) -> tuple[DeliveryState, datetime]:
    if tried.is_taken:
        return DeliveryState.DELIVERED, now
    # What was sent anew by hand is not tried for another three days.
    if now - delivery.at >= TRIED_FOR:
        return DeliveryState.FAILED, now
    pause = BACKOFF_S[min(delivery.tries, len(BACKOFF_S)) - 1]
    return DeliveryState.WAITING, now + timedelta(seconds=pause)


def _disable(endpoint: Endpoint, reason: str) -> None:
    """Send nothing more to an endpoint, and tell those who keep it."""
    Endpoint.objects.filter(pk=endpoint.pk).update(is_active=False, disabled_for=reason)
    _logger.warning("an endpoint was switched off", endpoint=endpoint.pk, reason=reason)
    merchant = endpoint.merchant
    source = f"hook:{endpoint.pk}:{timezone.now():%Y%m%d%H%M%S}"
    tell_staff(merchant, StaffRole.OWNER, "hook_off", source, subject=endpoint.url)
    for one in merchant.staff.filter(role__in=at_least(StaffRole.OWNER)).select_related("person"):
        if one.person.email and one.person.is_active:
            with translation.override(one.person.language or settings.LANGUAGE_CODE):
                text = _(
                    "%(url)s of %(shop)s took no message any more, so nothing is sent there now. What waits is kept; switch it on again in the console when it works."
                ) % {"url": endpoint.url, "shop": merchant.title}
                send_mail(_("A webhook was switched off"), text, None, [one.person.email])


def forget_old(now: datetime | None = None) -> int:
    """Remove messages that are settled and a month old; return how many."""
    before = (now or timezone.now()) - KEPT_FOR
    found = Delivery.objects.filter(at__lt=before).exclude(state=DeliveryState.WAITING)
    return found.delete()[1].get("shop.Delivery", 0)
