"""The proof file: read as it was written, every other spelling refused, and no other entry proved by it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.tlog import LogError, Reason, TlogProof, folder_fetch, prove
from glaswerk.tlog.note import to_base64

from .naive import POLICY, numbered, path, write_log

ENTRIES = numbered(300)
HASH = to_base64(bytes(32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("log"), ENTRIES)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_a_proof_holds_for_its_entry_alone(folder: Path, index: int) -> None:
    entry, proof = prove(folder_fetch(folder), POLICY, index)
    assert entry == ENTRIES[index]
    assert proof.hashes == path(index, ENTRIES)
    again = TlogProof.parse(proof.encode())
    assert again == proof
    assert again.verify(entry, POLICY).checkpoint.size == 300
    with pytest.raises(LogError) as caught:
        again.verify(b"another", POLICY)
    assert caught.value.reason == Reason.PROOF


@given(
    st.integers(0, 1 << 62),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=9),
    st.binary(max_size=9),
)
def test_a_proof_is_read_as_it_was_written(index: int, hashes: list[bytes], checkpoint: bytes, extra: bytes) -> None:
    proof = TlogProof(index, tuple(hashes), checkpoint, extra)
    assert TlogProof.parse(proof.encode()) == proof


@given(st.data())
def test_a_changed_byte_is_refused(folder: Path, data: st.DataObject) -> None:
    entry, proof = prove(folder_fetch(folder), POLICY, 77)
    whole = bytearray(proof.encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LogError):
        TlogProof.parse(bytes(whole)).verify(entry, POLICY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n",
        "c2sp.org/tlog-proof@v1\n\nindex 1\n\n",
        "c2sp.org/tlog-proof@v2\nindex 1\n\n",
        "\nc2sp.org/tlog-proof@v1\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\r\nindex 1\r\n\r\n",
        "c2sp.org/tlog-proof@v1\nindex 1\r\n\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\n",
        "c2sp.org/tlog-proof@v1\nindex  1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1 \n\n",
        "c2sp.org/tlog-proof@v1\nindex\n\n",
        "c2sp.org/tlog-proof@v1\nIndex 1\n\n",
        f"c2sp.org/tlog-proof@v1\nindex {1 << 63}\n\n",
        "c2sp.org/tlog-proof@v1\nindex ١\n\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nextra\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nextra AA\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n",
        f"c2sp.org/tlog-proof@v1\n{HASH}\nindex 1\n\n",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH[:-1]}\n\n",
        f"c2sp.org/tlog-proof@v1\nindex 1\n {HASH}\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH * 2}\n\n",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(LogError) as caught:
        TlogProof.parse(text.encode())
    assert caught.value.reason == Reason.MALFORMED


def test_bounds() -> None:
    for text in (f"c2sp.org/tlog-proof@v1\nindex 1\n{(HASH + chr(10)) * 64}\n", "x" * (1 << 20)):
        with pytest.raises(LogError) as caught:
            TlogProof.parse(text.encode())
        assert caught.value.reason == Reason.TOO_LARGE
