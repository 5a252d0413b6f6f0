"""Notes, keys and cosignatures: one spelling of each, and every other one refused for a reason."""

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.tlog import KeyKind, LogError, Note, Reason, Signature, Signer, VerifierKey
from glaswerk.tlog import Witness as Cosigner
from glaswerk.tlog.note import LONGEST_NOTE, from_base64

from .naive import SIGNER, Witness

TEXT = "log.example/cell\n7\nRoots and proofs\n"
NOTE = SIGNER.sign(TEXT)
NAME = SIGNER.key.name

names = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Z"], blacklist_characters="+"), min_size=1, max_size=20
)


def refused(data: bytes | str, reason: Reason = Reason.MALFORMED) -> None:
    with pytest.raises(LogError) as caught:
        Note.parse(data.encode() if isinstance(data, str) else data)
    assert caught.value.reason == reason


def test_a_note_of_another_implementation() -> None:
    # The example in the documentation of Go's golang.org/x/mod/sumdb/note, which the format comes from.
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    data = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    ).encode()
    note = Note.parse(data)
    assert note.verified([key]) == {key: None}
    assert note.encode() == data


@given(
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=40), names, st.binary(min_size=32, max_size=32)
)
def test_what_is_signed_verifies(text: str, name: str, seed: bytes) -> None:
    signer = Signer(name, seed)
    note = signer.sign(text + "\n")
    assert Note.parse(note.encode()) == note
    assert note.verified([signer.key, SIGNER.key]) == {signer.key: None}
    assert VerifierKey.parse(signer.key.text) == signer.key


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_note_in_one_way_or_none(data: bytes) -> None:
    try:
        note = Note.parse(data)
    except LogError:
        return
    assert note.encode() == data


@given(st.data())
def test_a_changed_byte_never_verifies(data: st.DataObject) -> None:
    whole = bytearray(NOTE.encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = Note.parse(bytes(whole)).verified([SIGNER.key])
    except LogError:
        return
    assert found == {}


LINE = NOTE.signatures[0].line
CODED = LINE.split(" ")[2].strip()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{LINE}",
        f"{TEXT}\n{LINE}".rstrip("\n"),
        f"{TEXT}\n{LINE}\n",
        f"{TEXT}\n{LINE}x",
        f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
        f"{TEXT}\r\n\n{LINE}",
        f"{TEXT}\t\n{LINE}",
        f"{TEXT}\0\n{LINE}",
        f"{TEXT}\n- {NAME} {CODED}\n",
        f"{TEXT}\n{NAME} {CODED}\n",
        f"{TEXT}\n—{NAME} {CODED}\n",
        f"{TEXT}\n—  {NAME} {CODED}\n",
        f"{TEXT}\n— {NAME}  {CODED}\n",
        f"{TEXT}\n— {NAME} {CODED} \n",
        f"{TEXT}\n— {NAME} {CODED} x\n",
        f"{TEXT}\n — {NAME} {CODED}\n",
        f"{TEXT}\n— {NAME}\n",
        f"{TEXT}\n— {NAME} \n",
        f"{TEXT}\n—  {CODED}\n",
        f"{TEXT}\n— a+b {CODED}\n",
        f"{TEXT}\n— a\u00a0b {CODED}\n",
        f"{TEXT}\n— a\u2003b {CODED}\n",
        f"{TEXT}\n— {NAME} {CODED.rstrip('=')}\n",
        f"{TEXT}\n— {NAME} {CODED}=\n",
        f"{TEXT}\n— {NAME} {CODED[:10]}!{CODED[11:]}\n",
        f"{TEXT}\n— {NAME} {CODED.replace('+', '-').replace('/', '_')}-\n",
        f"{TEXT}\n— {NAME} AAAAAA==\n",
        f"{TEXT}\n— {NAME} AAAA\n",
        f"{TEXT}\n{LINE}— {NAME} é\n",
        TEXT.encode() + b"\n\xff" + LINE.encode(),
        TEXT.encode() + b"\xed\xa0\x80\n\n" + LINE.encode(),
    ],
)
def test_another_spelling_is_refused(data: bytes | str) -> None:
    refused(data)


def test_the_last_empty_line_parts_the_text_from_the_signatures() -> None:
    note = SIGNER.sign("one\n\ntwo\n\n\n")
    assert Note.parse(note.encode()) == note


def test_bounds() -> None:
    refused(b"x" * LONGEST_NOTE + NOTE.encode(), Reason.TOO_LARGE)
    assert len(Note.parse(f"{TEXT}\n{LINE * 64}".encode()).signatures) == 64
    refused(f"{TEXT}\n{LINE * 65}", Reason.TOO_LARGE)
    refused(f"{TEXT}\n— {'n' * 256} {CODED}\n", Reason.TOO_LARGE)


def test_base64_has_one_spelling() -> None:
    assert from_base64("AAE=") == b"\0\1"
    # The last digit holds two bits that mean nothing, and must be zero.
    for text in ("AAF=", "AAE", "AAE==", "AA E=", "AAE=\n", "", "AAE=AAE=", "ÄAE="):
        if text:
            with pytest.raises(LogError):
                from_base64(text)


def test_signatures_of_strangers_are_ignored_and_wrong_ones_of_friends_are_not() -> None:
    stranger = Signer("stranger.example", bytes([9]) * 32)
    namesake = Signer(NAME, bytes([8]) * 32)
    both = Note(TEXT, (stranger.sign(TEXT).signatures[0], namesake.sign(TEXT).signatures[0], *NOTE.signatures))
    assert both.verified([SIGNER.key]) == {SIGNER.key: None}
    assert stranger.sign(TEXT).verified([SIGNER.key]) == {}
    wrong = Signature(NAME, SIGNER.key.id, bytes(64))
    for signature in (wrong, Signature(NAME, SIGNER.key.id, b"short")):
        with pytest.raises(LogError) as caught:
            Note(TEXT, (*NOTE.signatures, signature)).verified([SIGNER.key])
        assert caught.value.reason == Reason.SIGNATURE


def test_the_id_of_a_key_is_that_of_the_specification() -> None:
    key = SIGNER.key
    assert key.id == sha256(key.name.encode() + b"\n\x01" + key.public).digest()[:4]
    cosigner = VerifierKey(key.name, key.public, KeyKind.COSIGNATURE)
    assert cosigner.id == sha256(key.name.encode() + b"\n\x04" + key.public).digest()[:4] != key.id


MATERIAL = base64.b64encode(b"\1" + SIGNER.key.public).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        SIGNER.key.text + " ",
        SIGNER.key.text + "\n",
        " " + SIGNER.key.text,
        SIGNER.key.text.replace("cell", "cel l"),
        SIGNER.key.text.replace("cell", "sell"),
        SIGNER.key.text.replace("+", "++", 1),
        f"+{SIGNER.key.id.hex()}+{MATERIAL}",
        f"{NAME}+{SIGNER.key.id.hex().upper()}+{MATERIAL}",
        f"{NAME}+{SIGNER.key.id.hex()}0+{MATERIAL}",
        f"{NAME}+00000000+{MATERIAL}",
        f"{NAME}+{SIGNER.key.id.hex()}+{MATERIAL[:-4]}",
        f"{NAME}+{SIGNER.key.id.hex()}+{MATERIAL}AAAA",
        f"{NAME}+{SIGNER.key.id.hex()}+{base64.b64encode(bytes([2]) + SIGNER.key.public).decode()}",
        f"{NAME}+{SIGNER.key.id.hex()}+",
        "\udcff" + SIGNER.key.text,
    ],
)
def test_another_spelling_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(LogError):
        VerifierKey.parse(text)


def test_a_seed_has_32_bytes() -> None:
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(LogError):
            Signer(NAME, seed)


def test_cosignatures_carry_their_time() -> None:
    witness = Witness("witness.example/w1", 5)
    data = witness.cosign(NOTE.encode(), 1_679_315_147)
    note = Note.parse(data)
    assert note.verified([SIGNER.key, witness.key]) == {SIGNER.key: None, witness.key: 1_679_315_147}
    # The latest of two counts, and both must hold.
    assert Note.parse(witness.cosign(data, 1_679_315_140)).verified([witness.key]) == {witness.key: 1_679_315_147}
    other = Note(note.text.replace("7", "8"), note.signatures)
    with pytest.raises(LogError) as caught:
        other.verified([witness.key])
    assert caught.value.reason == Reason.SIGNATURE
    line = note.signatures[1]
    later = Signature(line.name, line.key_id, (1_679_315_148).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(LogError) as caught:
        Note(TEXT, (later,)).verified([witness.key])
    assert caught.value.reason == Reason.SIGNATURE
    for signature in (line.signature[:-1], line.signature + b"\0", b"\x80" + line.signature[1:], line.signature[8:]):
        with pytest.raises(LogError) as caught:
            Note(TEXT, (Signature(line.name, line.key_id, signature),)).verified([witness.key])
        assert caught.value.reason == Reason.MALFORMED
    # A plain signature of the witness's key is none of the witness: the ids differ.
    plain = Signer(witness.key.name, bytes([5]) * 32).sign(TEXT)
    assert plain.verified([witness.key]) == {}


def test_a_witness_signs_as_another_hand_wrote_it() -> None:
    note = SIGNER.sign("log.example\n0\nroot\n")
    theirs = Witness("witness.example/w1", 5)
    ours = Cosigner("witness.example/w1", bytes([5]) * 32)
    assert ours.key == theirs.key
    line = ours.cosign(note.text, 1_790_000_000)
    assert Note(note.text, (*note.signatures, line)).encode() == theirs.cosign(note.encode(), 1_790_000_000)
    with pytest.raises(LogError):
        Cosigner("witness.example/w1", bytes(31))
