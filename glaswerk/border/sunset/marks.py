"""Marks: that a stage has begun, written down with the roots of what must not change from then on."""

import time
from dataclasses import asdict
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from glaswerk.border.models import Act, Mark
from glaswerk.border.roots import Root, root_of_roots
from glaswerk.border.sunset import state
from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.still import put_guards, still_roots
from glaswerk.cell.entries import Entry, EntryKind, Fact
from glaswerk.cell.locks import Lock
from glaswerk.cell.models import Record
from glaswerk.cell.records import log_policy, record
from glaswerk.tlog import Checkpoint, LogError, LogReader, Reason, folder_fetch, read_checkpoint
from glaswerk.tlog.merkle import EMPTY_ROOT, check_consistency

# How long entries that were made before the dark may take into the log.
_PATIENCE_S: Final = 5.0
# What the log may say in the dark.
_SAID: Final = (EntryKind.SUNSET, EntryKind.ACCESS)


def mark_reached() -> Mark | None:
    """Write down the stage that was reached, if that was not done; return its mark.  Safe to run again, and beside itself."""
    plan = state.refresh()
    stage = state.copy.stage()
    if stage not in (Stage.READONLY, Stage.DARK):
        return None
    found = Mark.objects.filter(act=plan.version, stage=stage).first()
    if found is not None:
        return found
    put_guards(settings.CELL)
    if stage is Stage.DARK:
        _await_recorder()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.SUNSET_MARK])
        found = Mark.objects.filter(act=plan.version, stage=stage).first()
        if found is not None:
            return found
        act = Act.objects.get(pk=plan.version)
        facts: dict[str, Fact] = {"state": f"{stage.value}.begun", "reason": act.reason}
        mark = Mark(act=act, stage=stage.value, at=state.copy.now())
        if stage is Stage.DARK:
            roots = still_roots(settings.CELL)
            mark.tables = {name: asdict(root) for name, root in roots.items()}
            mark.root = root_of_roots(roots)
            checkpoint = log_now()
            mark.log_size, mark.log_root = checkpoint.size, checkpoint.root.hex()
            mark.last_record = Record.objects.aggregate(last=Max("id"))["last"] or 0
            facts["root"] = mark.root
        mark.save()
        record(EntryKind.SUNSET, facts)
    state.refresh()
    return mark


def differences(mark: Mark) -> list[str]:
    """Say what is not as it was when the cell went dark, a sentence each; nothing where all is the same."""
    then = {name: Root(**facts) for name, facts in mark.tables.items()}
    now = still_roots(settings.CELL)
    found = []
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name), now.get(name)
        if before != after:
            rows = f"{before.count if before else 'no'} rows then, {after.count if after else 'no'} now"
            found.append(f"{name} ({rows})")
    if root_of_roots(then) != mark.root:
        found.append("the roots that were written down do not lead to the one in the public log")
    return [*found, *_log_differences(mark)]


def _log_differences(mark: Mark) -> list[str]:
    assert mark.log_size is not None
    try:
        new = log_now()
        old = Checkpoint(new.origin, mark.log_size, bytes.fromhex(mark.log_root))
        if new.size < old.size:
            return [f"the public log has {new.size} entries and had {old.size}"]
        reader = LogReader(folder_fetch(settings.CELL.tlog), new)
        check_consistency(old.size, new.size, old.root, new.root, reader.consistency(old) if old.size else ())
        entries = [Entry.parse(data) for data in (reader.entries(old.size, new.size) if new.size > old.size else ())]
    except (LogError, ValueError) as error:
        return [f"the public log: {error}"]
    others = {entry.kind.value for entry in entries if entry.id > mark.last_record and entry.kind not in _SAID}
    return [f"the public log has entries from the dark: {', '.join(sorted(others))}"] if others else []


def log_now() -> Checkpoint:
    """What the public log shows now; an empty one where it has not begun."""
    try:
        return read_checkpoint(folder_fetch(settings.CELL.tlog), log_policy(settings.CELL)).checkpoint
    except LogError as error:
        if error.reason is not Reason.MISSING:
            raise
        return Checkpoint(log_policy(settings.CELL).key.name, 0, EMPTY_ROOT)


def _await_recorder() -> None:
    """Wait a while for what is on its way into the log.  Where no recorder runs it comes later, and is known by its id."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and Record.objects.filter(index=None).exists() and _recorder_runs():
        time.sleep(0.05)


def _recorder_runs() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND (classid::bigint << 32 | objid::bigint) = %s)",
            [Lock.RECORDER],
        )
        return bool(cursor.fetchone()[0])
