"""Keeping endpoints, as an owner: a webhook tells a merchant's affairs to another place, so no one less adds one."""

import base64
import ipaddress
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.cell.outgoing import is_public
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_ENDPOINTS, Delivery, DeliveryState, Endpoint, HookEvent, StaffRole
from glaswerk.shop.queries.merchants import access_merchant
from glaswerk.shop.texts import clean_line

OLD_SECRET_HOLDS: Final = timedelta(hours=24)
EVENTS: Final = tuple(event for event in HookEvent.values if event != HookEvent.TEST)


def endpoints_of(person: Person, name: str) -> QuerySet[Endpoint]:
    """Return a merchant's endpoints, for an owner.  Two queries.  Raises Http404."""
    return Endpoint.objects.filter(merchant=access_merchant(person, name, StaffRole.OWNER)).order_by("pk")


def access_endpoint(person: Person, public_id: str, *, lock: bool = False) -> Endpoint:
    """Return an endpoint for an owner of its merchant.  One query.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = Endpoint.objects.filter(
        pk=wanted, merchant__staff__person=person, merchant__staff__role=StaffRole.OWNER
    ).select_related("merchant")
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    endpoint = found.first()
    if endpoint is None:
        raise Http404
    return endpoint


def check_url(url: str) -> str:
    """Return an address to which messages may go.  Raises ShopError.

    A name is looked up each time that something is sent, because it may mean something else by then.
    """
    url = clean_line(url, "url", 500)
    may_be_private = settings.CELL.config.shop.hooks_to_private
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ShopError("url", _("This is no address. Please write one such as https://shop.example/hooks.")) from None
    if parts.scheme not in ("https", *(("http",) if may_be_private else ())) or not host or "@" in parts.netloc:
        raise ShopError("url", _("This is no address. Please write one such as https://shop.example/hooks."))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_private = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    else:
        is_private = not is_public(address)
    if is_private and not may_be_private:
        raise ShopError("url", _("This address is not reached from the internet. Please take a public one."))
    return url


def check_events(events: Collection[str]) -> list[str]:
    """Return the events that an endpoint is told, in their order.  Raises ShopError."""
    if not set(events) <= set(EVENTS):
        raise ShopError("events", _("There is no such event."))
    if not events:
        raise ShopError("events", _("Please choose at least one event."))
    return [event for event in EVENTS if event in events]


def add_endpoint(person: Person, name: str, url: str, events: Collection[str]) -> Endpoint:
    """Add an endpoint; its secret is to be shown once.  Raises Http404 and ShopError."""
    merchant = access_merchant(person, name, StaffRole.OWNER)
    url, wanted = check_url(url), check_events(events)
    try:
        with transaction.atomic():
            # The merchant's row is the lock under which its endpoints are counted.
            access_merchant(person, name, StaffRole.OWNER, lock=True)
            if Endpoint.objects.filter(merchant=merchant).count() >= MAX_ENDPOINTS:
                raise ShopError("url", _("A shop has at most %(count)d endpoints.") % {"count": MAX_ENDPOINTS}, 409)
            return Endpoint.objects.create(merchant=merchant, url=url, events=wanted, key=_new_secret())
    except IntegrityError:
        raise ShopError("url", _("This address is told already."), 409) from None


def change_endpoint(person: Person, public_id: str, *, is_active: bool, events: Collection[str]) -> Endpoint:
    """Switch an endpoint on or off, and choose what it is told.  Raises Http404 and ShopError.

    Switched on again, it goes on with what still waits.
    """
    wanted = check_events(events)
    with transaction.atomic():
        endpoint = access_endpoint(person, public_id, lock=True)
        if is_active and not endpoint.is_active:
            endpoint.failing_since, endpoint.disabled_for = None, ""
        endpoint.is_active, endpoint.events = is_active, wanted
        endpoint.save(update_fields=["is_active", "events", "failing_since", "disabled_for"])
    return endpoint


def rotate_secret(person: Person, public_id: str) -> Endpoint:
    """Give an endpoint a new secret, to be shown once; the one before signs beside it for a day.  Raises Http404."""
    with transaction.atomic():
        endpoint = access_endpoint(person, public_id, lock=True)
        endpoint.old_key, endpoint.old_until = endpoint.key, timezone.now() + OLD_SECRET_HOLDS
        endpoint.key = _new_secret()
        endpoint.save(update_fields=["key", "old_key", "old_until"])
    return endpoint


def remove_endpoint(person: Person, public_id: str) -> None:
    """Forget an endpoint with all that was sent to it.  Raises Http404."""
    access_endpoint(person, public_id).delete()


def send_test(person: Person, public_id: str) -> Delivery:
    """Let a test message go to an endpoint.  Raises Http404 and ShopError."""
    endpoint = access_endpoint(person, public_id)
    if not endpoint.is_active:
        raise ShopError("endpoint", _("Please switch it on first."), 409)
    return Delivery.objects.create(endpoint=endpoint, event=HookEvent.TEST, reference=0)


def redeliver(person: Person, message_id: str) -> Delivery:
    """Send a message once more, with the id that it always had.  Raises Http404 and ShopError."""
    try:
        wanted = decode_id(message_id.removeprefix("msg_"))
    except ValueError:
        raise Http404 from None
    with transaction.atomic():
        found = Delivery.objects.filter(
            pk=wanted, endpoint__merchant__staff__person=person, endpoint__merchant__staff__role=StaffRole.OWNER
        )
        delivery = found.select_related("endpoint").select_for_update(of=("self",)).first()
        if delivery is None:
            raise Http404
        if not delivery.endpoint.is_active:
            raise ShopError("endpoint", _("Please switch it on first."), 409)
        delivery.state, delivery.next_at = DeliveryState.WAITING, timezone.now()
        delivery.save(update_fields=["state", "next_at"])
    return delivery


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
