"""The endpoint that payment providers send their hooks to."""

from typing import Final, Literal

from django.conf import settings
from django.http import Http404, HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError

from glaswerk.cell.rates import check_rate
from glaswerk.money.payments.hooks import receive_hook
from glaswerk.money.payments.port import ForgedHook
from glaswerk.money.payments.registry import PaymentError

router = Router(tags=["payments"])
# Providers' hooks are a few kilobytes.
_LARGEST: Final = 256 * 1024


class HookOut(Schema):
    """That a hook was received, and is not needed again."""

    received: Literal[True]


@router.post("/payments/hooks/{provider}", response=HookOut, auth=None)
def receive(request: HttpRequest, provider: Literal["sandbox", "stripe"]) -> HookOut:
    """Receive a payment provider's signed message. Only the provider can make one that is taken."""
    # Counted before anything is read, let alone verified: whoever floods this door costs us little.
    address = str(request.META.get("REMOTE_ADDR", ""))[:60]
    check_rate(f"hook:{address}", settings.CELL.config.limits.hooks_per_minute)
    if len(request.body) > _LARGEST:
        raise HttpError(413, "A hook is not that large.")
    try:
        receive_hook(provider, request.body, {name.lower(): value for name, value in request.headers.items()})
    except ForgedHook:
        raise HttpError(400, "The signature does not fit.") from None
    except PaymentError:
        raise Http404 from None
    return HookOut(received=True)
