"""Webhooks: a merchant's own programs are told what happens, as an owner has it."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.models import Delivery, Endpoint
from glaswerk.shop.webhooks import actions
from glaswerk.shop.webhooks.queries import deliveries_of

router = Router(tags=["webhooks"])


class EndpointIn(Schema):
    """Where to, and what is told."""

    url: str = Field(max_length=2000)
    events: list[str] = Field(max_length=20, description="Such as order.paid; see the documentation of webhooks.")


class EndpointChangeIn(Schema):
    """Whether it is told anything, and what."""

    is_active: bool
    events: list[str] = Field(max_length=20)


class EndpointOut(Schema):
    """An endpoint."""

    id: str
    url: str
    events: list[str]
    is_active: bool
    disabled_for: str = Field(description="Why the cell switched it off.")
    failing_since: datetime | None


class NewEndpointOut(EndpointOut):
    """An endpoint with its secret, which is shown this once."""

    secret: str


class EndpointsOut(Schema):
    """All endpoints of a merchant."""

    endpoints: list[EndpointOut]


class AttemptOut(Schema):
    """A try."""

    at: datetime
    status: int | None
    error: str
    took_ms: int


class DeliveryOut(Schema):
    """A message and its tries."""

    id: str = Field(description="The webhook-id that its receiver sees.")
    event: str
    state: str = Field(description="waiting, delivered or failed")
    at: datetime
    next_at: datetime
    attempts: list[AttemptOut]


class DeliveriesOut(Schema):
    """The newest messages of an endpoint."""

    deliveries: list[DeliveryOut]


def _endpoint(endpoint: Endpoint) -> EndpointOut:
    return EndpointOut(
        id=endpoint.public_id,
        url=endpoint.url,
        events=endpoint.events,
        is_active=endpoint.is_active,
        disabled_for=endpoint.disabled_for,
        failing_since=endpoint.failing_since,
    )


def _delivery(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.public_id,
        event=delivery.event,
        state=delivery.state,
        at=delivery.at,
        next_at=delivery.next_at,
        attempts=[AttemptOut.from_orm(one) for one in delivery.attempts.all()],
    )


@router.get("/shop/merchants/{name}/endpoints", response=EndpointsOut)
def list_endpoints(request: HttpRequest, name: str) -> EndpointsOut:
    """List a merchant's endpoints, as an owner."""
    return EndpointsOut(endpoints=[_endpoint(one) for one in actions.endpoints_of(person_of(request), name)])


@router.post("/shop/merchants/{name}/endpoints", response={201: NewEndpointOut})
def add_endpoint(request: HttpRequest, name: str, endpoint: EndpointIn) -> tuple[int, NewEndpointOut]:
    """Add an endpoint, as an owner; its secret is shown in this answer and never again."""
    person = person_of(request)
    count_write(person.pk)
    made = actions.add_endpoint(person, name, endpoint.url, endpoint.events)
    return 201, NewEndpointOut(**_endpoint(made).dict(), secret=made.key)


@router.put("/shop/endpoints/{endpoint_id}", response=EndpointOut)
def change_endpoint(request: HttpRequest, endpoint_id: str, change: EndpointChangeIn) -> EndpointOut:
    """Switch an endpoint on or off, and choose what it is told, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    return _endpoint(actions.change_endpoint(person, endpoint_id, is_active=change.is_active, events=change.events))


@router.delete("/shop/endpoints/{endpoint_id}", response={204: None})
def remove_endpoint(request: HttpRequest, endpoint_id: str) -> tuple[int, None]:
    """Forget an endpoint with its messages, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    actions.remove_endpoint(person, endpoint_id)
    return 204, None


@router.post("/shop/endpoints/{endpoint_id}/rotate", response=NewEndpointOut)
def rotate_secret(request: HttpRequest, endpoint_id: str) -> NewEndpointOut:
    """Take a new secret, as an owner; the old one signs beside it for a day."""
    person = person_of(request)
    count_write(person.pk)
    made = actions.rotate_secret(person, endpoint_id)
    return NewEndpointOut(**_endpoint(made).dict(), secret=made.key)


@router.post("/shop/endpoints/{endpoint_id}/test", response={202: DeliveryOut})
def send_test(request: HttpRequest, endpoint_id: str) -> tuple[int, DeliveryOut]:
    """Send a test message, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    return 202, _delivery(actions.send_test(person, endpoint_id))


@router.get("/shop/endpoints/{endpoint_id}/deliveries", response=DeliveriesOut)
def list_deliveries(
    request: HttpRequest, endpoint_id: str, limit: Annotated[int, Field(ge=1, le=100)] = 50
) -> DeliveriesOut:
    """List the newest messages of an endpoint with each try, as an owner."""
    endpoint = actions.access_endpoint(person_of(request), endpoint_id)
    return DeliveriesOut(deliveries=[_delivery(one) for one in deliveries_of(endpoint)[:limit]])


@router.post("/shop/deliveries/{message_id}/again", response={202: DeliveryOut})
def redeliver(request: HttpRequest, message_id: str) -> tuple[int, DeliveryOut]:
    """Send a message once more with the same id, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    return 202, _delivery(actions.redeliver(person, message_id))
