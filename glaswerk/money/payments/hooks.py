"""What providers send unasked: each event counts once, in one transaction with its effect."""

from collections.abc import Iterable, Mapping
from typing import Final

from django.db import transaction

from glaswerk.cell.statements import fetch
from glaswerk.money.models import OperationState, ProviderEvent
from glaswerk.money.payments.effects import KNOWN, take_in
from glaswerk.money.payments.port import Event, PaymentFact, Provider
from glaswerk.money.payments.registry import provider_named

_HEAR_AGAIN: Final = (
    "SELECT money_hear_again(%s, %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])"
)


def receive_hook(name: str, raw: bytes, headers: Mapping[str, str]) -> str:
    """Verify a hook and apply it; return its effect, "known" for one that came before.

    Header names are in lower case.  Raises ForgedHook, and PaymentError for a provider that this cell does not use;
    what else is raised leaves nothing behind, and the provider sends it again.
    """
    return receive_from(provider_named(name), raw, headers)


def receive_from(provider: Provider, raw: bytes, headers: Mapping[str, str]) -> str:
    """Receive a hook of a given provider, like `receive_hook`."""
    event = provider.parse_hook(raw, headers)
    return KNOWN if note_known(provider, [event]) else receive_event(provider, event)


def receive_event(provider: Provider, event: Event) -> str:
    """Apply an event that was verified; return its effect."""
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


def note_known(provider: Provider, events: Iterable[Event]) -> set[str]:
    """Note the events that tell of payments what the answer told already, and return their ids.

    That is most of them, and together they are one statement; all others have to be applied one by one.
    """
    told = [
        (event.id, event.kind[:100], fact.key, fact.ref, fact.amount.minor, fact.amount.currency)
        for event in events
        if len(event.facts) == 1
        and isinstance(fact := event.facts[0], PaymentFact)
        and fact.state == OperationState.SUCCEEDED
    ]
    if not told:
        return set()
    return {row[0] for row in fetch(_HEAR_AGAIN, [provider.name, *map(list, zip(*told, strict=True))])}
