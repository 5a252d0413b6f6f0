"""Schemathesis over the published API of a running cell: no answer is an error of ours, and each is as described."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.cells import RunningCell
from tests.feed.theatre import Theatre

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def api_schema(live_cell: RunningCell) -> Any:
    with live_cell.client() as client:
        document = client.get("/api/openapi.json")
    assert document.status_code == 200
    loaded = schemathesis.openapi.from_dict(document.json())
    loaded.config.update(base_url=live_cell.url)
    return loaded


@pytest.fixture(scope="session")
def visitors(live_cell: RunningCell) -> dict[str, httpx.Client]:
    """Somebody signed out, and somebody signed in who passes the guard against forged requests."""
    person = Theatre(live_cell).somebody().client
    person.get("/accounts/password/change/")
    person.headers["X-CSRFToken"] = person.cookies["csrftoken"]
    return {"signed out": live_cell.client(), "signed in": person}


few = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


def check(case: Any, visitor: httpx.Client) -> None:
    """Make a call as a visitor, and judge the answer."""
    answer = case.call(
        cookies={**dict(visitor.cookies), **(case.cookies or {})},
        headers={"X-CSRFToken": visitor.headers["X-CSRFToken"]} if "X-CSRFToken" in visitor.headers else None,
    )
    case.validate_response(answer, checks=[not_a_server_error, content_type_conformance, response_schema_conformance])


@pytest.mark.parametrize("who", ["signed out", "signed in"])
def test_no_call_breaks_the_api(api_schema: Any, visitors: dict[str, httpx.Client], who: str) -> None:
    operations = [found.ok() for found in api_schema.get_all_operations()]
    assert {"/api/feed", "/api/events", "/api/videos"} <= {operation.path for operation in operations}
    for operation in operations:

        @few
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            check(case, visitors[who])

        call()
