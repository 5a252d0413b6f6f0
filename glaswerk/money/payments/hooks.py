"""What providers send unasked: each event counts once, in one transaction with its effect."""

from collections.abc import Mapping

from django.db import transaction

from glaswerk.money.models import ProviderEvent
from glaswerk.money.payments.effects import KNOWN, take_in
from glaswerk.money.payments.port import Provider
from glaswerk.money.payments.registry import provider_named


def receive_hook(name: str, raw: bytes, headers: Mapping[str, str]) -> str:
    """Verify a hook and apply it; return its effect, "known" for one that came before.

    Header names are in lower case.  Raises ForgedHook, and PaymentError for a provider that this cell does not use;
    what else is raised leaves nothing behind, and the provider sends it again.
    """
    return receive_from(provider_named(name), raw, headers)


def receive_from(provider: Provider, raw: bytes, headers: Mapping[str, str]) -> str:
    """Receive a hook of a given provider, like `receive_hook`."""
    event = provider.parse_hook(raw, headers)
    with transaction.atomic():
        # Whoever brings the same event at the same time waits here for the first one's end.
        row, new = ProviderEvent.objects.get_or_create(
            provider=provider.name, event_id=event.id, defaults={"kind": event.kind[:100]}
        )
        if not new:
            return KNOWN
        row.effect = take_in(provider.name, *event.facts)
        row.save(update_fields=["effect"])
    return row.effect
