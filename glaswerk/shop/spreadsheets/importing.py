"""Products from a CSV file: what is right is written whole, what is wrong is refused whole, and every row is accounted for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from glaswerk.shop.actions.catalogue import save_products, set_pictures
from glaswerk.shop.actions.stock import count_stock, first_location, movement
from glaswerk.shop.models import Merchant, MovementKind, Stock, Variant
from glaswerk.shop.spreadsheets.reading import Entry, decode, read_entries
from glaswerk.shop.spreadsheets.report import Report, RowReport

# So many products share a transaction: enough that 100,000 rows take minutes, few enough that nobody waits for the lock.
_BATCH: Final = 200


def import_products(merchant: Merchant, data: bytes, progress: Callable[[int], None] | None = None) -> Report:
    """Create and change a merchant's products from a file; return what became of each row.

    A product is written with all of its rows or not at all.  Raises CsvError, before anything is written, where the
    file cannot be read as a catalogue.  `progress` is told how many products were looked at.
    """
    text = decode(data)
    # The whole file is read before the first product is written: a file that breaks off in the middle changes nothing.
    entries = list(read_entries(text, merchant.currency))
    report = Report()
    done = 0
    for batch in _batches(entries, _BATCH):
        _write(merchant, batch, report)
        done += len(batch)
        if progress is not None:
            progress(done)
    return report


def _write(merchant: Merchant, batch: list[Entry], report: Report) -> None:
    right = [entry for entry in batch if entry.draft is not None]
    created: dict[str, bool] = {}
    try:
        created, notes = _save(merchant, right)
        report.notes += notes
    except DatabaseError:
        # One of them hurts a rule that only the database knows: each for itself then, so that the others are written.
        for entry in right:
            try:
                one, notes = _save(merchant, [entry])
                created |= one
                report.notes += notes
            except DatabaseError as error:
                entry.bad_line, entry.bad_field = entry.rows[0].line, "Handle"
                entry.reason = _("The database refuses this product: %(reason)s") % {
                    "reason": str(error).split("\n")[0]
                }
    for entry in batch:
        report.rows += _told(entry, created.get(entry.handle))


def _told(entry: Entry, is_new: bool | None) -> Iterator[RowReport]:
    for row in entry.rows:
        if entry.reason or is_new is None:
            is_bad = row.line == entry.bad_line
            reason = (
                entry.reason if is_bad else _("Line %(line)d of this product was refused.") % {"line": entry.bad_line}
            )
            yield RowReport(row.line, entry.handle, "refused", entry.bad_field if is_bad else "", reason)
        else:
            yield RowReport(row.line, entry.handle, "created" if is_new else "changed")


def _save(merchant: Merchant, entries: list[Entry]) -> tuple[dict[str, bool], list[str]]:
    if not entries:
        return {}, []
    with transaction.atomic():
        Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
        saved = save_products(merchant, [entry.draft for entry in entries if entry.draft is not None])
        set_pictures({product.pk: entry.pictures for (product, _new), entry in zip(saved, entries, strict=True)})
        ids = {
            (one.product_id, tuple(one.choices)): one.pk
            for one in Variant.objects.filter(product__in=[product for product, _new in saved])
        }
        units: dict[int, int] = {}
        for (product, _new), entry in zip(saved, entries, strict=True):
            assert entry.draft is not None
            for variant, count in zip(entry.draft.variants, entry.stock, strict=True):
                if count is not None:
                    units[ids[product.pk, variant.choices]] = count
        location = first_location(merchant.pk)
        with movement(MovementKind.COUNTED, "import"):
            count_stock(location, units)
        notes = [
            _("%(sku)s: %(units)d are promised to buyers, so that many are taken to be there.")
            % {"sku": stock.variant.sku or stock.variant.public_id, "units": stock.on_hand}
            for stock in Stock.objects.filter(variant_id__in=units, location=location, bucket=0, reserved__gt=0)
            .select_related("variant")
            if stock.on_hand > units[stock.variant_id]
        ]  # fmt: skip
    return {product.handle: is_new for product, is_new in saved}, notes


def _batches(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    source = iter(entries)
    while batch := list(islice(source, size)):
        yield batch
