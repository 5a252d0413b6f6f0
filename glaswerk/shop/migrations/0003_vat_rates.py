"""The VAT rates of the European Union's member states.

Source: the European Commission's "Taxes in Europe" database and the states' own laws, as in force in 2026.  Where a state has no
second reduced rate the reduced one stands for it, and where it has no reduced one the standard one does.  An operator
changes them in the table `shop_vatrate`: a new rate is a new period.
"""

from django.db import migrations

# Country: standard, reduced, lower; in basis points.
RATES = {
    "AT": (2000, 1000, 1000), "BE": (2100, 1200, 600), "BG": (2000, 900, 900), "HR": (2500, 1300, 500),
    "CY": (1900, 900, 500), "CZ": (2100, 1200, 1200), "DE": (1900, 700, 700), "DK": (2500, 2500, 2500),
    "EE": (2400, 1300, 900), "ES": (2100, 1000, 400), "FI": (2550, 1350, 1000), "FR": (2000, 1000, 550),
    "GR": (2400, 1300, 600), "HU": (2700, 1800, 500), "IE": (2300, 1350, 900), "IT": (2200, 1000, 400),
    "LT": (2100, 1200, 500), "LU": (1700, 800, 300), "LV": (2100, 1200, 500), "MT": (1800, 700, 500),
    "NL": (2100, 900, 900), "PL": (2300, 800, 500), "PT": (2300, 1300, 600), "RO": (2100, 1100, 1100),
    "SE": (2500, 1200, 600), "SI": (2200, 950, 500), "SK": (2300, 1900, 500),
}  # fmt: skip


def seed(apps, schema_editor):
    rate = apps.get_model("shop", "VatRate")
    rate.objects.bulk_create(
        rate(place=f"{country}:{category}", rate_bp=value, period=(None, None))
        for country, values in RATES.items()
        for category, value in zip(("standard", "reduced", "lower", "zero"), (*values, 0), strict=True)
    )


def clear(apps, schema_editor):
    apps.get_model("shop", "VatRate").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_functions")]

    operations = [migrations.RunPython(seed, clear)]
