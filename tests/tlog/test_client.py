"""The client's state machine: every rule of its docstring, and a log that lies in every way that the rules name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.tlog import (
    Checkpoint,
    Fetch,
    LogError,
    LogReader,
    Policy,
    Reason,
    Signer,
    TrustedLog,
    folder_fetch,
    follow,
    prove,
)
from glaswerk.tlog.merkle import EMPTY_ROOT

from .naive import ORIGIN, POLICY, SIGNER, Witness, growth, numbered, path, read_log, root, write_log

ENTRIES = numbered(600)


def signed(entries: list[bytes], signer: Signer = SIGNER) -> bytes:
    return signer.sign(Checkpoint(ORIGIN, len(entries), root(entries)).text).encode()


def honest(entries: list[bytes]) -> Callable[[Checkpoint, Checkpoint], tuple[bytes, ...]]:
    """What proves how a log of these entries grew."""
    return lambda old, new: growth(old.size, entries[: new.size]) if old.size else ()


def refused(trusted: TrustedLog, data: bytes, reason: Reason, entries: list[bytes] = ENTRIES) -> None:
    before = trusted.last
    with pytest.raises(LogError) as caught:
        trusted.update(data, honest(entries))
    assert caught.value.reason == reason
    assert trusted.last is before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=6))
def test_a_log_that_grows_is_followed(sizes: list[int]) -> None:
    trusted = TrustedLog(POLICY)
    last = -1
    for size in sorted(sizes):
        assert trusted.update(signed(ENTRIES[:size]), honest(ENTRIES)) == (size > last)
        last = size
        trusted.check_entry(size - 1, ENTRIES[size - 1], path(size - 1, ENTRIES[:size]))


def test_a_rollback_a_fork_and_a_stranger_leave_the_state_as_it_was() -> None:
    trusted = TrustedLog(POLICY)
    trusted.update(signed(ENTRIES[:300]), honest(ENTRIES))
    forked = [*ENTRIES[:100], b"other", *ENTRIES[101:]]
    refused(trusted, signed(ENTRIES[:299]), Reason.ROLLBACK)
    refused(trusted, signed([]), Reason.ROLLBACK)
    refused(trusted, signed(forked[:300]), Reason.FORK)
    refused(trusted, signed(forked[:400]), Reason.FORK, forked)
    refused(trusted, signed(forked[:400]), Reason.FORK, ENTRIES)
    refused(trusted, signed(ENTRIES[:400]), Reason.FORK, forked)
    refused(trusted, signed(ENTRIES[:400], Signer(ORIGIN, bytes(32))), Reason.SIGNATURE)
    refused(trusted, signed(ENTRIES[:400])[:-1], Reason.MALFORMED)
    assert trusted.update(signed(ENTRIES[:400]), honest(ENTRIES))
    assert not trusted.update(signed(ENTRIES[:400]), honest(forked))


def test_the_first_checkpoint_of_an_empty_log_binds_nothing() -> None:
    trusted = TrustedLog(POLICY)
    assert trusted.update(SIGNER.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text).encode(), honest(ENTRIES))
    assert trusted.update(signed(ENTRIES), honest(ENTRIES))


def test_what_an_earlier_run_accepted_is_remembered() -> None:
    first = TrustedLog(POLICY)
    first.update(signed(ENTRIES[:300]), honest(ENTRIES))
    assert first.last is not None
    second = TrustedLog(POLICY, first.last.note)
    refused(second, signed(ENTRIES[:200]), Reason.ROLLBACK)
    assert second.update(signed(ENTRIES[:500]), honest(ENTRIES))
    with pytest.raises(LogError):
        TrustedLog(POLICY, b"nonsense")
    with pytest.raises(LogError):
        TrustedLog(Policy(Signer(ORIGIN, bytes(32)).key), first.last.note)
    with pytest.raises(LogError) as caught:
        TrustedLog(POLICY).check_entry(0, b"", ())
    assert caught.value.reason == Reason.MISSING


def test_old_news_are_stale_and_old_memories_are_not() -> None:
    witness = Witness("witness.example/w", 3)
    policy = Policy(SIGNER.key, (witness.key,), 1, max_age_s=60)
    data = witness.cosign(signed(ENTRIES[:300]), 1000)
    trusted = TrustedLog(policy)
    with pytest.raises(LogError) as caught:
        trusted.update(data, honest(ENTRIES), now=1061)
    assert caught.value.reason == Reason.STALE
    assert trusted.update(data, honest(ENTRIES), now=1060)
    again = TrustedLog(policy, data)
    with pytest.raises(LogError) as caught:
        again.update(data, honest(ENTRIES), now=5000)
    assert caught.value.reason == Reason.STALE
    assert again.update(witness.cosign(signed(ENTRIES[:400]), 5000), honest(ENTRIES), now=5001)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("log"), ENTRIES[:100], ENTRIES[100:])


def changed(log: Path, changes: dict[str, bytes | None]) -> Fetch:
    """A server of this log that answers some places otherwise, and keeps to the bounds as a real one does."""
    whole = read_log(log) | changes

    def fetch(place: str, most: int) -> bytes:
        data = whole.get(place)
        if data is None:
            raise LogError(Reason.MISSING, place)
        if len(data) > most:
            raise LogError(Reason.TOO_LARGE, place)
        return data

    return fetch


def test_following_a_folder(log: Path) -> None:
    trusted = TrustedLog(POLICY, signed(ENTRIES[:100]))
    assert follow(trusted, folder_fetch(log))
    assert not follow(trusted, folder_fetch(log))


def test_a_server_that_lies_is_found_out(log: Path) -> None:
    whole = read_log(log)
    for place, data, reason in (
        ("tile/0/000", bytes(8192), Reason.FORK),
        ("tile/0/000", bytes(8191), Reason.MALFORMED),
        ("tile/0/000", bytes(1 << 20), Reason.TOO_LARGE),
        ("tile/0/000", None, Reason.MISSING),
        ("checkpoint", bytes(1 << 20), Reason.TOO_LARGE),
    ):
        trusted = TrustedLog(POLICY, signed(ENTRIES[:100]))
        with pytest.raises(LogError) as caught:
            follow(trusted, changed(log, {place: data}))
        # A tile of the wrong length makes no proof, and a log without a proof has not grown.
        assert caught.value.reason in (reason, Reason.FORK)
        assert trusted.last is not None and trusted.last.checkpoint.size == 100
    bundle = whole["tile/entries/001"]
    for place, data in (
        ("tile/entries/001", bundle[:-1] + b"!"),
        ("tile/entries/001", bundle + b"\0\0"),
        ("tile/entries/001", whole["tile/entries/000"]),
        ("tile/entries/001", bytes(256 * 65_537 + 1)),
        ("tile/entries/001", None),
        ("tile/0/001", bytes(8192)),
        ("tile/1/000.p/2", bytes(64)),
    ):
        with pytest.raises(LogError):
            prove(changed(log, {place: data}), POLICY, 511)
    assert prove(changed(log, {}), POLICY, 511)[0] == ENTRIES[511]
    for index in (-1, 600):
        with pytest.raises(LogError) as caught:
            prove(folder_fetch(log), POLICY, index)
        assert caught.value.reason == Reason.OUT_OF_RANGE


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone(log: Path) -> None:
    old = Checkpoint(ORIGIN, 100, root(ENTRIES[:100]))
    assert list(LogReader(folder_fetch(log), old).entries(3, 99)) == ENTRIES[3:99]
    with pytest.raises(LogError):
        list(LogReader(folder_fetch(log), old).entries(0, 101))


def test_a_folder_leads_nowhere_else(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", ENTRIES[:3])
    secret = tmp_path / "secret"
    (folder / "checkpoint").rename(secret)
    fetch = folder_fetch(folder)
    (folder / "checkpoint").symlink_to(secret)
    with pytest.raises(LogError) as caught:
        fetch("checkpoint", 9999)
    assert caught.value.reason == Reason.UNREACHABLE
    (folder / "checkpoint").unlink()
    (folder / "checkpoint").mkdir()
    with pytest.raises(LogError) as caught:
        fetch("checkpoint", 9999)
    assert caught.value.reason == Reason.UNREACHABLE
    with pytest.raises(LogError) as caught:
        fetch("tile/0/999", 9999)
    assert caught.value.reason == Reason.MISSING
