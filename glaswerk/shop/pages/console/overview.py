"""What needs doing, and how the last days went."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from glaswerk.shop.pages.console.frame import console_page, frame
from glaswerk.shop.queries.todo import todo_of


@console_page
def overview(request: HttpRequest, name: str) -> HttpResponse:
    """Show what needs doing."""
    _person, merchant, facts = frame(request, name, "merchant_overview")
    return render(request, "shop/console/overview.html", {**facts, "todo": todo_of(merchant)})


urlpatterns: list[URLPattern] = [path("merchant/<str:name>", overview, name="merchant_overview")]
