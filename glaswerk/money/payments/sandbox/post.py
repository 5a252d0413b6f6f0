"""The sandbox's post: it brings due hooks to the very door that a real provider's hooks come to."""

from datetime import datetime

import structlog
from django.conf import settings
from django.utils import timezone

from glaswerk.money.payments.hooks import receive_from
from glaswerk.money.payments.registry import provider_named
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox

_logger = structlog.get_logger("glaswerk.money")


def deliver(until: datetime | None = None, limit: int = 500) -> list[str]:
    """Deliver what is due (at `until`, or now); return the effects.  One that is not taken is brought again later."""
    if settings.CELL.config.payments.provider != Sandbox.name:
        return []
    provider = provider_named(Sandbox.name)
    assert isinstance(provider, Sandbox)
    effects = []
    for hook in store.due_hooks(until or timezone.now(), limit):
        try:
            effects.append(receive_from(provider, hook.body.encode(), provider.signed(hook.event_id, hook.body)))
        except Exception:
            _logger.exception("a hook of the sandbox was not taken", hook=hook.id)
            continue
        store.mark_sent(hook.id)
    return effects
