"""Finish: the seller's part ends.  The log closes with an entry that names the new one, and keys and grants are gone.

That entry is the last one: the database takes no other behind it, and nobody has the key to sign one.  Peers find it as
they find everything, in the log, and follow the cell no more (`border/peers/closing.py`).
"""

import hashlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from django.db import transaction

from glaswerk.border.carve import statement
from glaswerk.border.carve.exporting import STATEMENT, Progress, work_folder, write_durably
from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.carve.report import write_report
from glaswerk.border.carve.revoking import revoke_grants
from glaswerk.border.sunset import actions, state
from glaswerk.border.sunset.plan import Stage
from glaswerk.cell.config import Cell
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.key_holder import KeyDestroyed, KeyLost
from glaswerk.cell.public_log import CLOSED, log_key, note_closed
from glaswerk.cell.recorder import record_once
from glaswerk.cell.records import record
from glaswerk.people.keyring import key_holder
from glaswerk.people.models import DataKey
from glaswerk.tlog import LogError, Policy, VerifierKey, open_checkpoint

FINISHED: Final = "finished.json"
# Of the key folder, what nobody may have again; everybody's shares lie in `people/`.
_KEYS: Final = ("people.key", "tlog", "witness")
# What this machine's own servers know each other by.
_OWN: Final = "nats"


def finish(
    cell: Cell, receipt: Path, buyer: VerifierKey, signed: actions.Signed, report: Path, progress: Progress
) -> dict[str, Any]:
    """Close this cell for good.  A run that was interrupted is gone on with.  Raises CarveRefused and SunsetRefused."""
    folder = work_folder(cell)
    if not (folder / STATEMENT).exists():
        raise CarveRefused("This cell has not been exported: `glaswerk carve export` comes first.")
    envelope = (folder / STATEMENT).read_bytes()
    received = receipt.read_bytes()
    said = statement.verify(received, buyer, statement.ACCEPTED)
    digest = hashlib.sha256(envelope).hexdigest()
    if said["subject"] != [{"name": STATEMENT, "digest": {"sha256": digest}}]:
        raise CarveRefused("The receipt is for another bag than the last one that was exported here.")
    facts = said["predicate"]
    noted = folder / FINISHED
    own = orjson.loads(noted.read_bytes()) if noted.exists() else _begin(cell, envelope, facts, buyer)
    if not noted.exists():
        write_durably(noted, orjson.dumps(own))
    state.refresh()
    if state.copy.stage() is not Stage.CARVED:
        progress("closing the log")
        with transaction.atomic():
            actions.hand_over(signed)
            checkpoint = hashlib.sha256(facts["checkpoint"].encode()).hexdigest()
            entry = {
                "step": "finish",
                "root": own["root"],
                "log": facts["log"],
                "checkpoint": checkpoint,
                "sha256": digest,
                "key": own["buyer_key"],
                "size": own["buyer_log_size"],
                "head": own["buyer_log_root"],
            }
            record(EntryKind.CARVE, entry)
    progress("revoking grants")
    if "revoked" not in own:
        own["revoked"] = revoke_grants(cell)
        write_durably(noted, orjson.dumps(own))
    if (cell.keys / "tlog").stat().st_size:
        record_once(cell)
        own["last"] = (cell.tlog / "checkpoint").read_text()
        write_durably(noted, orjson.dumps(own))
        note_closed(cell)
    progress("destroying keys")
    destroyed = _destroy_keys(cell)
    opened = _still_opened()
    if opened:
        raise CarveRefused(f"{opened} keys still open. Look at the key folder's disk, and run this again.")
    result = {
        **own,
        "buyer_log": facts["log"],
        "buyer_checkpoint": facts["checkpoint"],
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "keys": DataKey.objects.count(),
        "shares_destroyed": destroyed,
        "keys_opened": opened,
        "statement_sha256": digest,
        "receipt_sha256": hashlib.sha256(received).hexdigest(),
        "basis": signed.basis,
        "reason": signed.reason,
        "signer": signed.signer,
    }
    write_report(report, result, envelope, received)
    return {**result, "report": str(report)}


def _begin(cell: Cell, envelope: bytes, facts: dict[str, Any], buyer: VerifierKey) -> dict[str, Any]:
    """Compare both sides before anything is closed, and note what cannot be read any more afterwards."""
    seller = log_key(cell)
    predicate = statement.verify(envelope, seller, statement.HANDED_OVER)["predicate"]
    for name in ("root", "tables", "buckets"):
        if facts[name] != predicate[name]:
            raise CarveRefused(f"The buyer's receipt has other {name} than this cell's statement.")
    try:
        checkpoint = open_checkpoint(facts["checkpoint"].encode(), Policy(buyer)).checkpoint
    except LogError as error:
        raise CarveRefused(f"The buyer's checkpoint does not hold: {error}") from None
    return {
        "root": predicate["root"],
        "seller_key": seller.text,
        "buyer_key": buyer.text,
        "buyer_log_size": checkpoint.size,
        "buyer_log_root": checkpoint.root.hex(),
        "inventory": predicate,
    }


def _destroy_keys(cell: Cell) -> int:
    """Overwrite everybody's share, and the cell's own keys last, because those are asked for until then."""
    destroyed = 0
    for path in sorted((cell.keys / "people").rglob("*")):
        if path.is_file() and not path.is_symlink():
            _overwrite(path)
            destroyed += 1
    for name in _KEYS:
        if (cell.keys / name).exists():
            _overwrite(cell.keys / name)
    # Whatever the others have signed, such as cookies and addresses of files, means nothing to those that come after them.
    for path in sorted(cell.keys.iterdir()):
        if path.is_file() and path.name not in (*_KEYS, _OWN, CLOSED) and not path.name.startswith("."):
            _overwrite(path)
            path.write_text(secrets.token_hex(32))
    return destroyed


def _overwrite(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if size := os.fstat(descriptor).st_size:
            os.write(descriptor, secrets.token_bytes(size))
            os.fsync(descriptor)
        os.ftruncate(descriptor, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _still_opened() -> int:
    """How many of the keys in the tables this machine can still open."""
    holder, opened = key_holder(), 0
    for owner, wrapped in DataKey.objects.exclude(wrapped=b"").values_list("owner", "wrapped").iterator():
        try:
            holder.unwrap(owner, bytes(wrapped))
            opened += 1
        except (KeyDestroyed, KeyLost):
            continue
    return opened
