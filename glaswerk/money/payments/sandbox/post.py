"""The sandbox's post: it brings due hooks to the very door that a real provider's hooks come to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.utils import timezone

from glaswerk.money.payments.effects import KNOWN
from glaswerk.money.payments.hooks import note_known, receive_event
from glaswerk.money.payments.port import Event
from glaswerk.money.payments.registry import provider_named
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox
from glaswerk.money.payments.sandbox.store import DueHook

_logger = structlog.get_logger("glaswerk.money")


# So many are verified and noted at once.
_AT_ONCE: Final = 200


def deliver(until: datetime | None = None, limit: int = 20_000) -> list[str]:
    """Deliver what is due (at `until`, or now); return the effects.  One that is not taken is brought again later."""
    if settings.CELL.config.payments.provider != Sandbox.name:
        return []
    provider = provider_named(Sandbox.name)
    assert isinstance(provider, Sandbox)
    effects: list[str] = []
    while len(effects) < limit:
        due = store.due_hooks(until or timezone.now(), _AT_ONCE)
        taken = _deliver(provider, due)
        effects += taken.values()
        # Whoever dies before this brings them again, which does no harm.
        store.mark_sent([*taken])
        if len(taken) < _AT_ONCE:
            break
    return effects


def _deliver(provider: Sandbox, due: Sequence[DueHook]) -> dict[int, str]:
    """Deliver some messages; return the effects of those that were taken, in order."""
    events: dict[int, Event] = {}
    for hook in due:
        with _logged(hook.id):
            # Signed and verified like any other, so that what a provider would be refused is refused here.
            events[hook.id] = provider.parse_hook(hook.body.encode(), provider.signed(hook.event_id, hook.body))
    known = note_known(provider, events.values())
    taken: dict[int, str] = {}
    for number, event in events.items():
        with _logged(number):
            taken[number] = KNOWN if event.id in known else receive_event(provider, event)
    return taken


@contextmanager
def _logged(hook: int) -> Iterator[None]:
    """Let one message that breaks not keep the others."""
    try:
        yield
    except Exception:
        _logger.exception("a hook of the sandbox was not taken", hook=hook)
