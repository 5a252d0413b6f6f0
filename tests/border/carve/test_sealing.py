"""Sealing in age's format, signed statements, and bags that somebody tampered with; no cell and no database."""

import hashlib
import io
import os
import tarfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bagit
import orjson
import pytest

from glaswerk.border.carve import statement
from glaswerk.border.carve.accepting import _unpack, check_bag
from glaswerk.border.carve.exporting import _Bag, _PackPart
from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.carve.inventory import StoredFile, files_of
from glaswerk.border.carve.sealing import CHUNK, Identity, Recipient, seal, unseal
from glaswerk.tlog import Signer

IDENTITY = Identity(bytes(range(32)))
SEED = bytes(32)
SIGNER = Signer("seller.example/log", SEED)


def sealed(data: bytes, recipient: Recipient = IDENTITY.recipient) -> bytes:
    out = io.BytesIO()
    seal([data[at : at + 1000] for at in range(0, len(data), 1000)], recipient, out)
    return out.getvalue()


def opened(data: bytes, identity: Identity = IDENTITY) -> bytes:
    return b"".join(unseal(io.BytesIO(data), identity))


def test_keys_are_spelt_as_age_spells_them() -> None:
    # The pair that age's own tests use.
    secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    public = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    identity = Identity.parse(f"# created: today\n{secret}\n")
    assert (identity.text, identity.recipient.text) == (secret, public)
    assert Recipient.parse(public).key == identity.recipient.key
    for wrong in (public[:-1] + "q", public.upper(), "age1", secret, ""):
        with pytest.raises(CarveRefused):
            Recipient.parse(wrong)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_opens_for_its_key_alone(size: int) -> None:
    data = os.urandom(size)
    assert opened(sealed(data)) == data
    with pytest.raises(CarveRefused, match="another key"):
        opened(sealed(data), Identity.new())


def test_any_changed_missing_or_further_byte_is_found() -> None:
    whole = sealed(os.urandom(CHUNK + 50))
    ends = [whole[:size] for size in (0, 20, 100, 200, len(whole) - CHUNK, len(whole) - 66, len(whole) - 1)]
    places = [*range(230), 230 + CHUNK, len(whole) - 1]
    flipped = [whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :] for at in places]
    chunk = CHUNK + 16
    start = len(whole) - chunk - 66
    swapped = whole[:start] + whole[start + chunk :] + whole[start : start + chunk]
    for wrong in (*ends, *flipped, swapped, whole + b"x"):
        with pytest.raises(CarveRefused):
            opened(wrong)


def test_a_statement_holds_for_its_key_and_its_kind_alone() -> None:
    said = statement.sign({"a": {"sha512": "1"}}, statement.HANDED_OVER, {"root": "r"}, SEED, SIGNER.key)
    assert statement.verify(said, SIGNER.key, statement.HANDED_OVER)["predicate"] == {"root": "r"}
    other = orjson.loads(said)
    other["payload"] = b64encode(b64decode(other["payload"]).replace(b'"r"', b'"s"')).decode()
    for data, key, kind in (
        (said, SIGNER.key, statement.ACCEPTED),
        (said, Signer("other", bytes(31) + b"1").key, statement.HANDED_OVER),
        (orjson.dumps(other), SIGNER.key, statement.HANDED_OVER),
        (b"{}", SIGNER.key, statement.HANDED_OVER),
        (b"[]", SIGNER.key, statement.HANDED_OVER),
        (b"", SIGNER.key, statement.HANDED_OVER),
    ):
        with pytest.raises(CarveRefused):
            statement.verify(data, key, kind)


class _Part:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def parts(self) -> list[bytes]:
        return [self._data]

    def facts(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    made = _Bag(tmp_path / "bag.unfinished", IDENTITY.recipient)
    for name in ("data/tables/a.age", "data/buckets/media/000001.tar.age"):
        made.add(name, lambda name=name: _Part(name.encode()))  # type: ignore[misc]
    made.finish(tmp_path / "bag", b"{}", {"at": "2026-01-19T00:00:00Z", "root": "5" * 64})
    return tmp_path / "bag"


def test_bagits_own_library_takes_the_bag(bag: Path) -> None:
    assert bagit.Bag(str(bag)).validate()
    assert set(check_bag(bag)) == {"data/tables/a.age", "data/buckets/media/000001.tar.age"}


def test_a_flipped_byte_anywhere_in_the_bag_is_found(bag: Path) -> None:
    for path in [one for one in bag.rglob("*") if one.is_file()]:
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
            with pytest.raises(CarveRefused):
                check_bag(bag)
        path.write_bytes(whole)
    assert check_bag(bag)


def _manifest(bag: Path, line: str) -> None:
    path = bag / "manifest-sha512.txt"
    path.write_text(path.read_text() + line)
    tags = sorted(one for one in bag.iterdir() if one.is_file() and one.name != "tagmanifest-sha512.txt")
    text = "".join(f"{hashlib.sha512(one.read_bytes()).hexdigest()}  {one.name}\n" for one in tags)
    (bag / "tagmanifest-sha512.txt").write_text(text)


def _link(bag: Path) -> None:
    (bag / "data" / "tables" / "b.age").symlink_to("/etc/passwd")


def _linked_folder(bag: Path) -> None:
    (bag / "data" / "more").symlink_to(bag.parent)


def _fifo(bag: Path) -> None:
    os.mkfifo(bag / "data" / "pipe")


def _stray(bag: Path) -> None:
    (bag / "data" / "stray").write_bytes(b"")


def _missing(bag: Path) -> None:
    (bag / "data" / "tables" / "a.age").unlink()


def _upwards(bag: Path) -> None:
    (bag.parent / "outside").write_bytes(b"x")
    _manifest(bag, f"{hashlib.sha512(b'x').hexdigest()}  data/../../outside\n")


def _absolute(bag: Path) -> None:
    _manifest(bag, f"{'0' * 128}  /etc/passwd\n")


def _twice(bag: Path) -> None:
    _manifest(bag, (bag / "manifest-sha512.txt").read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize("tamper", [_link, _linked_folder, _fifo, _stray, _missing, _upwards, _absolute, _twice])
def test_a_bag_that_leads_elsewhere_is_refused(bag: Path, tamper: Callable[[Path], None]) -> None:
    tamper(bag)
    with pytest.raises(CarveRefused):
        check_bag(bag)


def _tar(*infos: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, 3 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "infos",
    [
        [_info("../up")],
        [_info("/absolute")],
        [_info("a/../../up")],
        [_info("a/./b")],
        [_info("..")],
        [_info("link", tarfile.SYMTYPE, "/etc/passwd")],
        [_info("hard", tarfile.LNKTYPE, "a")],
        [_info("device", tarfile.CHRTYPE)],
        [_info("folder", tarfile.DIRTYPE)],
        [_info("a"), _info("a")],
        [_info("a"), _info("a/b")],
    ],
    ids=lambda infos: "+".join(one.name for one in infos),
)
def test_a_pack_writes_nothing_outside_its_bucket(tmp_path: Path, infos: list[tarfile.TarInfo]) -> None:
    pack, folder = tmp_path / "pack", tmp_path / "bucket"
    pack.write_bytes(sealed(_tar(*infos)))
    folder.mkdir()
    with pytest.raises(CarveRefused):
        list(_unpack(pack, IDENTITY, folder))
    assert {one.name for one in tmp_path.iterdir()} == {"pack", "bucket"}
    assert not any(one.is_symlink() for one in folder.rglob("*"))


def test_files_come_out_of_a_pack_as_they_went_in(tmp_path: Path) -> None:
    source, folder, pack = tmp_path / "source", tmp_path / "bucket", tmp_path / "pack"
    for name, data in {"a/b.mp4": os.urandom(3 << 20), "a.txt": b"", f"a/{'long' * 40}": b"x", "ü": b"1" * 512}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    folder.mkdir()
    files = list(files_of(source))
    assert [one.path for one in files] == sorted(one.path for one in files)
    with pack.open("wb") as out:
        seal(_PackPart(source, files).parts(), IDENTITY.recipient, out)
    assert list(_unpack(pack, IDENTITY, folder)) == files == list(files_of(folder))
    (source / "link").symlink_to("/etc")
    with pytest.raises(CarveRefused):
        list(files_of(source))


def test_a_bag_that_was_interrupted_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "bag.unfinished"
    first = _Bag(folder, IDENTITY.recipient)
    first.add("data/a.age", lambda: _Part(b"one"))  # type: ignore[arg-type, return-value]
    kept = (folder / "data/a.age").read_bytes()
    with (folder / "done.jsonl").open("ab") as file:
        file.write(b'{"path": "data/b.a')
    (folder / "data" / ".b.age.new").write_bytes(b"half")
    again = _Bag(folder, IDENTITY.recipient)
    again.add("data/a.age", lambda: pytest.fail("it is there already"))
    again.add("data/b.age", lambda: _Part(b"two"))  # type: ignore[arg-type, return-value]
    assert (folder / "data/a.age").read_bytes() == kept
    assert set(_Bag(folder, IDENTITY.recipient).parts) == {"data/a.age", "data/b.age"}
    with pytest.raises(CarveRefused, match="another key"):
        _Bag(folder, Identity.new().recipient)
    assert StoredFile("a", 1, "2").leaf == b"a\t1\t2"
