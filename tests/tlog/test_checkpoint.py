"""Checkpoints and the policy that decides whose word counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.tlog import Checkpoint, LogError, Policy, Reason, Signer, VerifierKey, open_checkpoint
from glaswerk.tlog.merkle import EMPTY_ROOT, MAX_SIZE
from glaswerk.tlog.note import to_base64

from .naive import ORIGIN, POLICY, SIGNER, Witness

ROOT = to_base64(bytes(range(32)))
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
SIGNED = SIGNER.sign(CHECKPOINT.text).encode()
WITNESSES = tuple(Witness(f"witness.example/{number}", number) for number in (1, 2, 3))
KEYS = tuple(witness.key for witness in WITNESSES)
lines = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=9)


@given(lines, st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3))
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes, more: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(more))
    assert Checkpoint.parse(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        ORIGIN,
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n7\n{ROOT}",
        f"\n7\n{ROOT}\n",
        f"{ORIGIN}\n\n{ROOT}\n",
        f"{ORIGIN}\n7\n\n",
        f"{ORIGIN}\n7\n{ROOT}\n\n",
        f"{ORIGIN}\n7\n{ROOT}\n\nmore\n",
        f"{ORIGIN}\n07\n{ROOT}\n",
        f"{ORIGIN}\n+7\n{ROOT}\n",
        f"{ORIGIN}\n-7\n{ROOT}\n",
        f"{ORIGIN}\n 7\n{ROOT}\n",
        f"{ORIGIN}\n7 \n{ROOT}\n",
        f"{ORIGIN}\n7.0\n{ROOT}\n",
        f"{ORIGIN}\n7_0\n{ROOT}\n",
        f"{ORIGIN}\n0x7\n{ROOT}\n",
        f"{ORIGIN}\n٧\n{ROOT}\n",
        f"{ORIGIN}\n{MAX_SIZE + 1}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT} \n",
        f"{ORIGIN}\n7\n{to_base64(bytes(31))}\n",
        f"{ORIGIN}\n7\n{to_base64(bytes(33))}\n",
        f"{ORIGIN}\n7\n{ROOT[:-2]}9=\n",
        f"{ORIGIN}\n0\n{ROOT}\n",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(LogError) as caught:
        Checkpoint.parse(text)
    assert caught.value.reason in (Reason.MALFORMED, Reason.MISMATCH)


def test_the_empty_log_has_one_root() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert Checkpoint.parse(empty.text) == empty


def test_extension_lines_are_signed_and_kept() -> None:
    checkpoint = Checkpoint(ORIGIN, 7, bytes(32), ("one", "two"))
    signed = open_checkpoint(SIGNER.sign(checkpoint.text).encode(), POLICY)
    assert signed.checkpoint.extensions == ("one", "two")


def test_the_log_itself_must_have_signed() -> None:
    assert open_checkpoint(SIGNED, POLICY).checkpoint == CHECKPOINT
    other = Signer(ORIGIN, bytes([7]) * 32)
    elsewhere = Checkpoint("other.example", 7, bytes(32))
    for data, reason in (
        (other.sign(CHECKPOINT.text).encode(), Reason.SIGNATURE),
        (SIGNED.replace(b"\n7\n", b"\n8\n"), Reason.SIGNATURE),
        (SIGNER.sign(elsewhere.text).encode(), Reason.MISMATCH),
        (SIGNER.sign("a note\n").encode(), Reason.MALFORMED),
    ):
        with pytest.raises(LogError) as caught:
            open_checkpoint(data, POLICY)
        assert caught.value.reason == reason


def test_a_quorum_counts_witnesses_and_not_signatures() -> None:
    policy = Policy(SIGNER.key, KEYS, quorum=2)
    once = WITNESSES[0].cosign(SIGNED, 100)
    for data in (SIGNED, once, WITNESSES[0].cosign(once, 101), Witness("nobody.example", 9).cosign(once, 101)):
        with pytest.raises(LogError) as caught:
            open_checkpoint(data, policy)
        assert caught.value.reason == Reason.WITNESSES
    signed = open_checkpoint(WITNESSES[2].cosign(once, 102), policy)
    assert signed.cosigned == (("witness.example/1", 100), ("witness.example/3", 102))
    # Witnesses do not stand in for the log.
    alone = WITNESSES[1].cosign(Signer("x.example", bytes(32)).sign(CHECKPOINT.text).encode(), 100)
    with pytest.raises(LogError) as caught:
        open_checkpoint(alone, policy)
    assert caught.value.reason == Reason.SIGNATURE


def test_what_the_quorum_saw_long_ago_is_stale() -> None:
    policy = Policy(SIGNER.key, KEYS, quorum=2, max_age_s=60)
    data = SIGNED
    for witness, time in zip(WITNESSES, (1000, 1050, 1100), strict=True):
        data = witness.cosign(data, time)
    # Two of them saw it at 1050 or later.
    assert open_checkpoint(data, policy, now=1110).checkpoint == CHECKPOINT
    for now in (1111, None):
        with pytest.raises(LogError) as caught:
            open_checkpoint(data, policy, now=now)
        assert caught.value.reason == Reason.STALE


def test_a_policy_that_cannot_be_met_is_refused() -> None:
    witness = KEYS[0]
    for arguments in (
        (witness, (), 0, None),
        (SIGNER.key, (SIGNER.key,), 0, None),
        (SIGNER.key, (witness, witness), 2, None),
        # One key under two names would be counted twice.
        (SIGNER.key, (witness, VerifierKey("other.example", witness.public, witness.kind)), 2, None),
        (SIGNER.key, KEYS, 4, None),
        (SIGNER.key, KEYS, -1, None),
        (SIGNER.key, KEYS, 0, 60.0),
    ):
        with pytest.raises(LogError):
            Policy(*arguments)
