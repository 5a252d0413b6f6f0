"""The pages of money: paying in a trial, where payouts go, and the operator's payout runs."""

from django.urls import URLPattern

from glaswerk.money.pages import destination, payouts, sandbox

urlpatterns: list[URLPattern] = [*sandbox.urlpatterns, *destination.urlpatterns, *payouts.urlpatterns]
