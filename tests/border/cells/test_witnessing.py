"""Witnesses: cells cosign each other's logs, and whatever contradicts a cell's own log is refused, kept and told of."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from glaswerk.border.models import Cosignature, Peer, RefusedCosignature
from glaswerk.border.outward import witnesses
from glaswerk.border.peers.actions import add_peer
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.queries import peers_status
from glaswerk.border.peers.witnessing import key_note, name_of, read_key, take_cosignature
from glaswerk.cell.config import Cell
from glaswerk.cell.models import Record
from glaswerk.cell.public_log import log_key, log_signer, log_witness, open_log
from glaswerk.tlog import (
    Checkpoint,
    LogError,
    Note,
    Policy,
    Signature,
    Signer,
    VerifierKey,
    Witness,
    open_checkpoint,
    verify,
)
from glaswerk.tlog.merkle import EMPTY_ROOT
from tests.border.cells.another_cell import AnotherCell, another_cell, ida, saying
from tests.border.cells.test_peers import follow

pytestmark = pytest.mark.django_db
# The front door has connections of its own, which see only what was committed.
committed = pytest.mark.django_db(transaction=True)
THEIRS = Witness("us.example/witness", bytes(range(2, 34)))
NOW = 1_790_000_000


@pytest.fixture(autouse=True)
def cell(tmp_path: Path, settings: Any) -> Cell:
    """Folders of its own, beside the database that the front door connects to."""
    own, cell = Cell(tmp_path / "cell"), Cell(settings.CELL.data)
    own.make_folders()
    for folder in ("keys", "media", "uploads", "tlog"):
        setattr(cell, folder, getattr(own, folder))
    settings.CELL = cell
    return cell


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        text = f"glaswerk/witness/v1\n{other.signer.key.name}\n{THEIRS.key.text}\n"
        other.lies["witness/key"] = saying(other.signer.sign(text).encode())
        yield other


@pytest.fixture
def peer(us: AnotherCell, cell: Cell) -> Peer:
    grow()
    return add_peer(us.url, us.key, "us", is_private=True)


def grow(entries: int = 1) -> None:
    """Let this cell's own log say something more."""
    with open_log(django_settings.CELL) as log:
        log.append(*[b"something"] * entries)


def own_note() -> Note:
    return Note.parse((django_settings.CELL.tlog / "checkpoint").read_bytes())


def cosigned(note: Note, at: int, by: Witness = THEIRS) -> bytes:
    return Note(note.text, (*note.signatures, by.cosign(note.text, at))).encode()


def say(us: AnotherCell, data: bytes) -> None:
    """Have the peer publish this about this cell's log."""
    us.lies[f"witness/{name_of(log_key(django_settings.CELL).name)}"] = saying(data)


def take(peer: Peer) -> bool:
    peer.refresh_from_db()
    with Source(peer, 10, 10) as source:
        return take_cosignature(peer, source, lambda: NOW)


def read(path: str, method: str = "GET") -> tuple[int, bytes, dict[bytes, bytes]]:
    """Ask the front door for a file."""
    from glaswerk.cell.database import close_pool, open_pool

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await open_pool()
        try:
            await witnesses.serve({"path": path, "method": method, "headers": []}, None, send)  # type: ignore[arg-type]
        finally:
            await close_pool()

    asyncio.run(ask())
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


def told() -> list[dict[str, Any]]:
    return [one.facts for one in Record.objects.filter(kind="witness").order_by("pk")]


@committed
def test_what_is_followed_is_cosigned_and_anybody_can_check_it(us: AnotherCell, peer: Peer, cell: Cell) -> None:
    us.say(ida())
    follow(peer)
    path = f"/log/witness/{name_of('us.example/log')}"
    status, data, headers = read(path)
    assert (status, headers[b"access-control-allow-origin"]) == (200, b"*")
    _, key, _ = read("/log/witness/key")
    own = read_key(key, log_key(cell))
    assert own == log_witness(cell).key != log_key(cell)
    opened = open_checkpoint(data, Policy(us.signer.key, (own,), 1))
    assert opened.checkpoint.size == 1 and opened.cosigned[0][0] == own.name
    # A log that takes back what it has shown is not cosigned, and what was said before stands.
    us.lies["checkpoint"] = saying(us.signer.sign(Checkpoint("us.example/log", 0, EMPTY_ROOT).text).encode())
    follow(peer)
    assert (peer.failure, read(path)[1]) == ("rollback", data)
    del us.lies["checkpoint"]
    us.say(ida(bio="Further north"))
    follow(peer)
    assert open_checkpoint(read(path)[1], Policy(us.signer.key, (own,), 1)).checkpoint.size == 2
    for wrong in (
        "/log/witness/",
        "/log/witness/key/",
        "/log/witness/Key",
        "/log/witness/../keys/witness",
        f"/log/witness/{'0' * 64}",
        f"/log/witness/{'A' * 64}",
        f"{path}/",
        "/log/witnessed",
    ):
        assert read(wrong)[:2] == (404, b""), wrong
        assert read(wrong, "POST")[0] == 405
    assert read(path, "HEAD")[1] == b""
    Peer.objects.update(removed_at="2026-01-01T00:00:00Z")
    assert read(path)[0] == 404


@committed
def test_a_right_cosignature_stands_under_this_cells_checkpoint(us: AnotherCell, peer: Peer, cell: Cell) -> None:
    assert not take(peer)
    first = own_note()
    say(us, cosigned(first, NOW))
    assert take(peer) and not take(peer)
    peer.refresh_from_db()
    assert peer.witness == THEIRS.key.text
    policy = Policy(log_key(cell), (THEIRS.key,), 1)
    plain = (cell.tlog / "checkpoint").read_bytes()
    with pytest.raises(LogError):
        open_checkpoint(plain, policy)
    assert open_checkpoint(with_lines(plain), policy).cosigned == (("us.example/witness", NOW),)
    # The log grows; what was cosigned stays to be seen, until the peer has seen the rest.
    grow(2)
    plain = (cell.tlog / "checkpoint").read_bytes()
    assert with_lines(plain) == plain
    _, witnessed, _ = read("/log/witnessed")
    assert open_checkpoint(witnessed, policy).checkpoint.size == 1
    (cell.tlog / "witnessed").write_bytes(witnessed)
    report = verify(cell.tlog, policy)
    assert (report.ok, report.size, report.witnessed, report.cosigned) == (True, 3, 1, (("us.example/witness", NOW),))
    say(us, cosigned(own_note(), NOW + 5))
    assert take(peer)
    assert open_checkpoint(with_lines(plain), policy).cosigned == (("us.example/witness", NOW + 5),)
    assert not told() and not RefusedCosignature.objects.exists()
    (status,) = peers_status()
    assert status["witness"] == {"key": THEIRS.key.text, "size": 3, "time": NOW + 5, "refused": ""}


def with_lines(plain: bytes) -> bytes:
    """The checkpoint as it is served."""
    from glaswerk.cell.database import close_pool, open_pool

    async def ask() -> bytes:
        await open_pool()
        try:
            return await witnesses.with_cosignatures(plain)
        finally:
            await close_pool()

    return asyncio.run(ask())


def forked(cell: Cell) -> Note:
    """Another log of as many entries, signed by this cell's very key."""
    size = Checkpoint.parse(own_note().text).size
    return log_signer(cell).sign(Checkpoint(log_key(cell).name, size, b"\5" * 32).text)


def made_up(cell: Cell) -> Note:
    text = Checkpoint(log_key(cell).name, 1, b"\5" * 32).text
    return Note(text, Signer("nobody.example", bytes(32)).sign(text).signatures)


def ahead(cell: Cell) -> Note:
    return log_signer(cell).sign(Checkpoint(log_key(cell).name, 99, b"\5" * 32).text)


def extended(cell: Cell) -> Note:
    """The log's own root, with words that its cell has never said."""
    shown = Checkpoint.parse(own_note().text)
    return Note(Checkpoint(shown.origin, shown.size, shown.root, ("pay them",)).text, ())


def another(cell: Cell) -> Note:
    return Signer("third.example/log", bytes(32)).sign(Checkpoint("third.example/log", 0, EMPTY_ROOT).text)


def ours(cell: Cell) -> Note:
    return own_note()


def plainly(note: Note) -> bytes:
    return cosigned(note, NOW + 1)


def by_another(note: Note) -> bytes:
    return cosigned(note, NOW + 1, Witness(THEIRS.key.name, bytes(32)))


def forged(note: Note) -> bytes:
    line = THEIRS.cosign(note.text, NOW + 1)
    wrong = Signature(line.name, line.key_id, (NOW + 2).to_bytes(8, "big") + line.signature[8:])
    return Note(note.text, (*note.signatures, wrong)).encode()


def older(note: Note) -> bytes:
    return cosigned(note, NOW - 1)


def from_the_future(note: Note) -> bytes:
    return cosigned(note, NOW + 3 * 86_400)


def nothing(note: Note) -> bytes:
    return b"<html>\n"


@pytest.mark.parametrize(
    ("what", "how", "word"),
    [
        (forked, plainly, "fork"),
        (ahead, plainly, "fork"),
        (made_up, plainly, "made_up"),
        (extended, plainly, "made_up"),
        (another, plainly, "origin"),
        (ours, by_another, "key"),
        (ours, forged, "signature"),
        (ours, older, "older"),
        (ours, from_the_future, "future"),
        (ours, nothing, "malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_cosignature_that_contradicts_is_refused_and_kept_as_evidence(
    what: Callable[[Cell], Note], how: Callable[[Note], bytes], word: str, us: AnotherCell, peer: Peer, cell: Cell
) -> None:
    say(us, cosigned(own_note(), NOW))
    assert take(peer)
    before = Cosignature.objects.values().get()
    data = how(what(cell))
    say(us, data)
    for _ in range(3):
        assert not take(peer)
    assert Cosignature.objects.values().get() == before
    kept = RefusedCosignature.objects.get()
    assert (kept.word, bytes(kept.note)) == (word, data)
    # It is told of once, however often it comes.
    (facts,) = told()
    assert (facts["from"], facts["refused"], facts["sha256"]) == ("us.example/log", word, kept.sha256)
    assert peers_status()[0]["witness"]["refused"] == word
    # The peer comes to its senses.
    say(us, cosigned(own_note(), NOW + 9))
    assert take(peer)


def test_a_witness_that_takes_back_what_it_saw_is_refused(us: AnotherCell, peer: Peer, cell: Cell) -> None:
    first = own_note()
    grow()
    say(us, cosigned(own_note(), NOW))
    assert take(peer)
    say(us, cosigned(first, NOW + 1))
    assert not take(peer)
    assert RefusedCosignature.objects.get().word == "rollback"


def test_the_key_of_a_witness_is_its_logs_word(us: AnotherCell, peer: Peer, cell: Cell) -> None:
    mallory = Witness("us.example/witness", bytes(32))
    text = f"glaswerk/witness/v1\nus.example/log\n{mallory.key.text}\n"
    us.lies["witness/key"] = saying(Signer("us.example/log", bytes(32)).sign(text).encode())
    say(us, cosigned(own_note(), NOW, mallory))
    assert not take(peer) and not Cosignature.objects.exists()
    # A key of another kind, or of another log, is none either.
    for wrong in (
        us.signer.sign(f"glaswerk/witness/v1\nthird.example/log\n{THEIRS.key.text}\n"),
        us.signer.sign(f"glaswerk/witness/v2\nus.example/log\n{THEIRS.key.text}\n"),
        us.signer.sign(f"glaswerk/witness/v1\nus.example/log\n{THEIRS.key.text}\nmore\n"),
    ):
        with pytest.raises(LogError):
            read_key(wrong.encode(), us.signer.key)
    assert read_key(key_note(), log_key(cell)) == log_witness(cell).key


def test_a_peer_that_does_not_follow_this_cell_is_followed_all_the_same(us: AnotherCell, peer: Peer) -> None:
    us.lies["witness/key"] = saying(b"", 500)
    us.say(ida())
    follow(peer)
    assert not take(peer)
    assert (peer.failure, peer.next_index) == ("", 1)
    assert not told()


def test_the_key_is_kept_and_spelt_as_others_spell_it(cell: Cell) -> None:
    key = log_witness(cell).key
    assert VerifierKey.parse(key.text) == key == log_witness(cell).key
