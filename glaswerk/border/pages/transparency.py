"""What is kept about whom, and what the public log says."""

import csv
import io
from itertools import groupby

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from glaswerk.border.columns import all_columns
from glaswerk.border.ledger import read_ledger
from glaswerk.border.peers import pages as peers


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """Show every column of the database, its class and what it is for."""
    columns = all_columns()
    tables = [(app, [(t, list(c)) for t, c in groupby(of_app, lambda one: one.table)]) for app, of_app in (
        (app, list(found)) for app, found in groupby(columns, lambda one: one.app)
    )]  # fmt: skip
    figures = {
        name: len([one for one in columns if one.declared == name])
        for name in ("PUBLIC", "COUNT", "PERSONAL", "SECRET")
    }
    context = {
        "apps": [(app, found[0][1][0].purpose, found) for app, found in tables],
        "figures": figures,
        "encrypted": len([one for one in columns if one.is_encrypted]),
        "wrong": [one for one in columns if not one.agrees],
        "total": len(columns),
    }
    return render(request, "border/columns.html", context)


@require_safe
@cache_control(public=True, max_age=60)
def data_file(request: HttpRequest, extension: str) -> HttpResponse:
    """Every column as a file."""
    rows = [column.as_dict() for column in all_columns()]
    headers = {"Content-Disposition": f'attachment; filename="data-classes.{extension}"'}
    if extension == "json":
        return JsonResponse({"columns": rows}, headers=headers)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


@require_safe
def border(request: HttpRequest) -> HttpResponse:
    """Show what the public log says of this cell."""
    return render(request, "border/border.html", {"ledger": read_ledger()})


urlpatterns: list[URLPattern] = [
    path("transparency/data", data, name="transparency_data"),
    path("transparency/data.json", data_file, {"extension": "json"}, name="transparency_data_json"),
    path("transparency/data.csv", data_file, {"extension": "csv"}, name="transparency_data_csv"),
    path("transparency/border", border, name="transparency_border"),
    *peers.urlpatterns,
]
