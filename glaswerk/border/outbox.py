"""Which jobs follow a change of the border; called inside the change's transaction, so that both happen or neither."""

from typing import Final

from procrastinate.contrib.django import app

EXPORT: Final = "border.export"
READ_IMPORT: Final = "border.read_import"
APPLY_IMPORT: Final = "border.apply_import"
CARRY: Final = "border.carry_followers"
QUEUE: Final = "events"
# A queue of their own, because people take copies of their data away in the dark, too.
EXPORT_QUEUE: Final = "exports"


def export_later(export_id: int) -> None:
    """Have an export made."""
    app.configure_task(EXPORT, queue=EXPORT_QUEUE, lock=f"{EXPORT}:{export_id}").defer(export_id=export_id)


def read_later(import_id: int) -> None:
    """Have an archive looked at."""
    app.configure_task(READ_IMPORT, queue=QUEUE, lock=f"import:{import_id}").defer(import_id=import_id)


def apply_later(import_id: int) -> None:
    """Have an archive brought in."""
    app.configure_task(APPLY_IMPORT, queue=QUEUE, lock=f"import:{import_id}").defer(import_id=import_id)


def carry_later(person_id: int) -> None:
    """Have the followers of somebody who moved follow the new account."""
    app.configure_task(CARRY, queue=QUEUE, lock=f"{CARRY}:{person_id}").defer(person_id=person_id)
