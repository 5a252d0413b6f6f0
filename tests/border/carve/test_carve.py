"""A whole cell goes to a new owner: between two data folders, by commands, killed at every step on the way."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from glaswerk.border.carve.sealing import Identity
from glaswerk.cell.entries import Entry
from glaswerk.tlog import Checkpoint, LogReader, Note, Policy, VerifierKey, folder_fetch, read_checkpoint, verify
from tests.cells import ROOT, _copy_prepared, environment

pytestmark = [pytest.mark.cell, pytest.mark.timeout(1800)]
PEOPLE, VIDEOS, EVENTS = 120, 40, 600
SIGNED = ("--basis", "Art. 1 of the Example Act", "--reason", "the law says so", "--signer", "legal department")
_OPENS = """
import json
from glaswerk.cli.attach import attached_cell
with attached_cell():
    from glaswerk.people.keyring import key_holder
    from glaswerk.people.models import DataKey, Person
    holder, keys = key_holder(), {}
    for row in DataKey.objects.exclude(wrapped=b""):
        keys[row.owner] = holder.unwrap(row.owner, bytes(row.wrapped)).hex()
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO feed_watch (viewer, video, first_at, last_at, watched, watched_ms, loops, shared,"
            " liked_at, saved_at, refused_at, watched_at) VALUES (9, 9, 1, 1, true, 1, 0, false, 0, 0, 0, 1) RETURNING id")
        number = cursor.fetchone()[0]
        cursor.execute("SELECT about, count(*), bool_and(border_crosses(about, item)) FROM border_change GROUP BY 1 ORDER BY 1")
        told = cursor.fetchall()
        cursor.execute("SELECT (SELECT count(*) FROM border_spoken), (SELECT count(*) FROM people_access)")
        old = cursor.fetchone()
        cursor.execute("SELECT r.facts ->> 'sha256' FROM cell_record r WHERE kind = 'policy' AND index IS NOT NULL")
        policies = [row[0] for row in cursor.fetchall()]
    person = Person.objects.get(pk=7)
    print(json.dumps({"keys": keys, "bio": person.bio, "next": number, "told": told, "old": old,
        "policies": policies}))
"""
_AFTER = """
import json
from glaswerk.cli.attach import attached_cell
with attached_cell() as cell:
    from django.db import DatabaseError, connection, transaction
    from glaswerk.border.role import ROLE, grant
    from glaswerk.cell.entries import EntryKind
    from glaswerk.cell.recorder import record_once
    from glaswerk.cell.records import record
    from glaswerk.tlog import LogError
    refused = []
    try:
        with transaction.atomic():
            record(EntryKind.EPOCH, {"sha256": "5" * 64, "policy": "5" * 64, "videos": 1})
    except DatabaseError as error:
        refused.append(str(error).splitlines()[0])
    try:
        record_once(cell)
    except LogError as error:
        refused.append(error.reason.value)
    # As every start of a changed program does.
    grant()
    counts = {
        "sessions": "SELECT count(*) FROM django_session",
        "staff": "SELECT count(*) FROM shop_staff",
        "roles": "SELECT count(*) FROM people_person WHERE role IN ('moderator', 'operator')",
        "passwords": "SELECT count(*) FROM people_person WHERE password NOT LIKE '!%'",
        "second_steps": "SELECT count(*) FROM mfa_authenticator",
        "tokens": "SELECT count(*) FROM shop_token WHERE revoked_at IS NULL",
        "webhooks": "SELECT count(*) FROM shop_endpoint WHERE is_active",
        "unrecorded": "SELECT count(*) FROM cell_record WHERE index IS NULL",
    }
    with connection.cursor() as cursor:
        for name, query in counts.items():
            cursor.execute(query)
            counts[name] = cursor.fetchone()[0]
        cursor.execute("SELECT DISTINCT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND has_column_privilege(%s, c.oid, a.attnum, 'SELECT')"
            " ORDER BY 1", [ROLE])
        readable = [row[0] for row in cursor.fetchall()]
        try:
            with transaction.atomic():
                cursor.execute("UPDATE people_person SET bio = 'x'")
        except DatabaseError as error:
            refused.append(str(error).splitlines()[0])
    print(json.dumps({"counts": counts, "readable": readable, "refused": refused}))
"""


def run(data: Path, *words: str, status: int = 0) -> Any:
    """Run a command on a cell that rests; return what it printed as JSON, or what it said where it was to fail."""
    done = subprocess.run(
        [sys.executable, "-m", "glaswerk", *words, "--json"],
        env=environment(data), capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == status, (words, done.stdout[-2000:], done.stderr[-4000:])
    return json.loads(done.stdout) if status == 0 else done.stderr


def killed(data: Path, at: str, *words: str) -> None:
    """Run a command and kill it with all of its children when it says that it is at this."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glaswerk", *words, "--json"],
        env=environment(data), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if said[-1].startswith(at):
            break
    else:
        raise AssertionError(said[-5:])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A seller's bag, and what was said on the way."""
    folder = tmp_path_factory.mktemp("carve")
    seller = folder / "seller"
    _copy_prepared(seller)
    fill = [sys.executable, "-m", "tests.border.carve.seller", *map(str, (PEOPLE, VIDEOS, EVENTS))]
    subprocess.run(fill, env=environment(seller), cwd=ROOT, check=True)
    bag, identity = folder / "bag", folder / "buyer.key"
    buyer = Identity.new()
    identity.write_text(buyer.text)
    recipient = buyer.recipient.text
    assert "dark" in run(seller, "carve", "export", "--for", recipient, "--out", str(bag), status=1)
    run(seller, "sunset", "dark", *SIGNED)
    plan = run(seller, "carve", "plan")
    export = ("carve", "export", "--for", recipient, "--out", str(bag))
    for at in ("table people_person", "signing"):
        killed(seller, at, *export)
        assert not bag.exists()
    facts = run(seller, *export)
    return {"seller": seller, "bag": bag, "identity": identity, "plan": plan, "export": facts}


def test_a_cell_changes_hands_and_every_root_is_the_same(handed: dict[str, Any], tmp_path: Path) -> None:
    plan, facts, bag, seller = handed["plan"], handed["export"], handed["bag"], handed["seller"]
    still = {name: one for name, one in plan["tables"].items() if one["way"] != "kept"}
    assert {name: facts["tables"][name] for name in still} == still
    assert facts["buckets"]["media"] == plan["buckets"]["media"] and facts["buckets"]["media"]["count"] == VIDEOS
    counts = {
        name: facts["tables"][name]["count"]
        for name in ("people_person", "videos_video", "feed_watch", "people_datakey")
    }
    assert counts == {"people_person": PEOPLE, "videos_video": VIDEOS, "feed_watch": EVENTS, "people_datakey": PEOPLE}
    # Nobody reads the bag who has not got the key.
    everything = b"".join(one.read_bytes() for one in bag.rglob("*") if one.is_file())
    assert b"p7@example.org" not in everything and b"caption 7" not in everything

    buyer = tmp_path / "buyer"
    _copy_prepared(buyer)
    accept = ("carve", "accept", str(bag), "--identity", str(handed["identity"]), "--seller-key", facts["seller_key"])
    stranger = tmp_path / "stranger.key"
    stranger.write_text(Identity.new().text)
    wrong = ("carve", "accept", str(bag), "--identity", str(stranger), "--seller-key", facts["seller_key"])
    assert "another key" in run(buyer, *wrong, status=1)
    for at in ("hashing videos_video", "signing the receipt"):
        killed(buyer, at, *accept)
    receipt = run(buyer, *accept)
    assert receipt["root"] == facts["root"] and receipt["tables"] == facts["tables"]
    again = run(buyer, "carve", "plan")
    assert {name: again["tables"][name] for name in still} == still
    for bucket in ("media", "originals", "epochs", "archive"):
        assert again["buckets"][bucket] == facts["buckets"][bucket]

    # The buyer's own key opens everybody's keys, except of those that were destroyed; counters go on where they were.
    opened = subprocess.run(
        [sys.executable, "-c", _OPENS], env=environment(buyer), capture_output=True, text=True, check=True
    )
    found = json.loads(opened.stdout)
    assert set(found["keys"]) == {str(owner) for owner in range(4, PEOPLE + 1)}
    assert found["bio"] == "tab\tline\nback\\slash \\N 7" and found["next"] == EVENTS + 1
    # What the old log named is not named by the new one, and is to be said anew: each video that crosses, and its author.
    assert found["told"] == [["profile", VIDEOS // 4, True], ["video", VIDEOS // 4, True]]
    assert found["old"] == [0, 0]
    assert found["policies"] == [hashlib.sha256(b"rules").hexdigest()]

    finish = (
        "carve", "finish", "--receipt", receipt["receipt"], "--buyer-key", receipt["buyer_key"], *SIGNED,
        "--report", str(tmp_path / "report"), "--yes",
    )  # fmt: skip
    killed(seller, "revoking grants", *finish)
    killed(seller, "destroying keys", *finish)
    ended = run(seller, *finish)
    assert (ended["keys"], ended["keys_opened"]) == (PEOPLE, 0)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["root"] == facts["root"] and report["not_proved"]
    html = (tmp_path / "report" / "report.html").read_text()
    assert facts["root"] in html and "What cannot be proved" in html

    revoked = {
        "sessions": 1,
        "passwords": 1,
        "second_steps": 1,
        "roles": 1,
        "merchant_staff": 1,
        "tokens": 1,
        "webhooks": 1,
    }
    assert ended["revoked"] == revoked

    # Its log is whole, and its last entry says where the next one is.
    policy = Policy(VerifierKey.parse(ended["seller_key"]))
    assert verify(seller / "tlog", policy).ok
    fetch = folder_fetch(seller / "tlog")
    checkpoint = read_checkpoint(fetch, policy).checkpoint
    closing, named = (
        Entry.parse(one) for one in LogReader(fetch, checkpoint).entries(checkpoint.size - 2, checkpoint.size)
    )
    assert (named.facts["step"], named.facts["log"], named.facts["root"]) == ("finish", receipt["log"], facts["root"])
    assert closing.facts["state"] == "carved"
    first = Checkpoint.parse(Note.parse(receipt["checkpoint"].encode()).text)
    assert named.facts["checkpoint"] == hashlib.sha256(receipt["checkpoint"].encode()).hexdigest()
    assert (named.facts["key"], named.facts["size"], named.facts["head"]) == (
        receipt["buyer_key"], first.size, first.root.hex(),
    )  # fmt: skip
    # The buyer's log begins with it, whatever it says since.
    of_buyer = Policy(VerifierKey.parse(receipt["buyer_key"]))
    now = read_checkpoint(folder_fetch(buyer / "tlog"), of_buyer).checkpoint
    LogReader(folder_fetch(buyer / "tlog"), now).consistency(first)

    # Nobody may do anything any more, no entry comes behind the last one, and everybody can still check the log.
    done = subprocess.run(
        [sys.executable, "-c", _AFTER], env=environment(seller), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    after = json.loads(done.stdout)
    assert set(after["counts"].values()) == {0}, after["counts"]
    assert after["readable"] == ["border_act", "border_mark", "cell_record", "feed_policyrecord"]
    assert ["closed" in after["refused"][0], after["refused"][1], "dark" in after["refused"][2]] == [
        True,
        "malformed",
        True,
    ]
    assert read_checkpoint(fetch, policy).checkpoint == checkpoint
    checked = run(seller, "log", "verify")
    assert (checked["ok"], checked["size"]) == (True, checkpoint.size)


def test_what_was_tampered_with_is_refused_and_nothing_is_taken(handed: dict[str, Any], tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    shutil.copytree(handed["bag"], bag)
    buyer = tmp_path / "buyer"
    _copy_prepared(buyer)
    accept = (
        "carve",
        "accept",
        str(bag),
        "--identity",
        str(handed["identity"]),
        "--seller-key",
        handed["export"]["seller_key"],
    )
    part = bag / "data" / "tables" / "people_person.age"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    assert "people_person" in run(buyer, *accept, status=1)
    assert not (buyer / "carve").exists()
