"""Records of slates: kept in little space, read back byte for byte, removed in time, and what becomes of damaged ones."""

import json
import random
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell.ids import EPOCH_MS, RANDOM_BITS, decode_id, now_ms
from glaswerk.cell.locks import Lock
from glaswerk.feed.slates import LONGEST_CHAIN, Chains, pack, resolve, unpack, viewer_states
from glaswerk.glass import SOURCES, Ask, Dials, Slate, Slot, Viewer, Watch, WireError, token
from tests.feed.theatre import Theatre, fresh, kept, slate

DAY_MS = 86_400_000


# ---- how they are kept


@given(st.binary(max_size=70_000), st.binary(max_size=70_000))
def test_a_state_comes_back_whatever_it_is_built_on(state: bytes, base: bytes) -> None:
    assert unpack(pack(state, base), base) == state
    assert unpack(pack(state)) == state


@pytest.mark.parametrize("size", [0, 1, 16 << 10, (16 << 10) + 1, 100_000])
def test_a_long_state_that_hardly_changed_needs_little(size: int) -> None:
    dice = random.Random(size)
    base = dice.randbytes(size)
    state = base[: size // 2] + b"something new" + base[size // 2 :]
    packed = pack(state, base)
    assert unpack(packed, base) == state
    assert len(packed) < 200 + size // 50


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_a_damaged_record_is_found(state: bytes, data: st.DataObject) -> None:
    base = state[::-1] + b"base"
    packed = bytearray(pack(state, base))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    for broken in (bytes(packed), bytes(packed[:place]), pack(state, base) + b"\x00"):
        try:
            found = unpack(broken, base)
        except WireError:
            continue
        # A bit that zlib does not look at may differ, and a cut between two blocks gives less; nothing else is read.
        assert found in (state, b"")


def test_another_base_is_found() -> None:
    state = b"what was seen" * 20
    with pytest.raises(WireError, match="damaged"):
        unpack(pack(state, b"one base" + state), b"other base" + state)
    with pytest.raises(WireError, match="damaged"):
        unpack(pack(state, b"one base" + state))


def _days(viewer_id: int, dice: random.Random) -> Iterator[tuple[int, Viewer, Slate]]:
    """A viewer over weeks: sessions of some slates of ten, of which four are watched; ids as the cell makes them."""

    def number(at_ms: int) -> int:
        return (at_ms - EPOCH_MS) << RANDOM_BITS | dice.getrandbits(RANDOM_BITS)

    at_ms = EPOCH_MS + 200 * DAY_MS
    seen: set[int] = set()
    watches: list[Watch] = []
    follows = tuple(sorted(number(EPOCH_MS + dice.randrange(200 * DAY_MS)) for _ in range(30)))
    hidden = tuple(sorted(token(word) for word in ("spoiler", "#kilns", "@7")))
    for _ in range(60):
        at_ms += dice.randrange(DAY_MS // 8, DAY_MS // 2)
        for _ in range(dice.randrange(2, 6)):
            latest = watches[:200]
            among = {watch.video for watch in latest}
            rest = np.array(sorted(seen - among), dtype=np.int64)
            viewer = Viewer(
                viewer_id, tuple(latest), follows, (), rest, "eu", "de",
                dials=Dials(new=1, topics=(("jazz", 1),)), hidden=hidden,
            )  # fmt: skip
            videos = [number(EPOCH_MS + dice.randrange(200 * DAY_MS)) for _ in range(10)]
            slots = [
                Slot(n, video, dice.randrange(-200_000, 200_000), tuple(dice.sample(SOURCES, 2)))
                for n, video in enumerate(videos)
            ]
            yield number(at_ms), viewer, Slate("ab" * 32, tuple(slots))
            for video in videos:
                at_ms += dice.randrange(2000, 30_000)
                seen.add(video)
                if dice.random() < 0.4:
                    watches.insert(
                        0, Watch(video, dice.choice((0, 160, dice.randrange(160))), at_ms, dice.choice((0, 8, 32, 33)))
                    )


def test_slates_need_less_than_a_kilobyte_each() -> None:
    chains = Chains(keep_days=90)
    rows: list[tuple[int, int | None, bytes]] = []
    states: dict[int, bytes] = {}
    sizes: list[int] = []
    plain: list[int] = []
    asked = len(Ask(10, now_ms(), seed=secrets.randbits(63)).encode())
    for number, viewer, served in _days(5, random.Random(1)):
        states[number] = viewer.encode()
        base, packed = chains.add(5, number, states[number])
        rows.append((number, base, packed))
        # From there on where the viewer has watched 200 and seen 300 more, as the feed's busiest do.
        if len(viewer.watches) == 200 and len(viewer.seen) >= 300:
            sizes.append(len(packed) + asked + len(served.encode()))
            plain.append(len(states[number]) + asked + len(served.encode()))
    average = sum(sizes) / len(sizes)
    print(f"{len(sizes)} slates of {average:.0f} bytes each, {sum(plain) / len(plain):.0f} without packing")
    assert len(sizes) > 100
    assert average <= 1000
    assert sum(base is None for _, base, _ in rows) == -(-len(rows) // (LONGEST_CHAIN + 1))
    random.Random(2).shuffle(rows)
    assert {one: state for one, (state, _) in resolve(rows, states).items()} == states
    # One whose chain is broken is left out, and those before it are not.
    ordered = sorted(states)
    left = resolve([row for row in rows if row[0] != ordered[10]], states)
    assert sorted(left) == [one for place, one in enumerate(ordered) if not 10 <= place <= LONGEST_CHAIN]


def test_chains_end_before_their_base_is_removed_and_forget_within_bounds() -> None:
    chains = Chains(keep_days=2, most_bytes=3000)
    first = (now_ms() - EPOCH_MS) << RANDOM_BITS
    day = DAY_MS << RANDOM_BITS
    state = secrets.token_bytes(1000)
    assert chains.add(1, first, state)[0] is None
    assert chains.add(1, first + day // 2, state)[0] == first
    assert chains.add(1, first + 2 * day, state)[0] is None
    assert chains.missing([1, 2]) == [2]
    for viewer in (2, 3, 4):
        chains.add(viewer, first, state)
    assert chains.missing([1, 2, 3, 4]) == [1]
    # What cannot fit is held alone.
    chains.add(5, first, secrets.token_bytes(9000))
    assert chains.missing([1, 2, 3, 4, 5]) == [1, 2, 3, 4]


# ---- keeping and losing


@contextmanager
def _newest(theatre: Theatre, content: bytes | None) -> Iterator[str]:
    """The database names a newest epoch whose file is this, or is not there; meanwhile none is cut."""
    name = secrets.token_hex(32)
    file = theatre.cell.epochs / f"{name}.epoch"
    if content is not None:
        file.write_bytes(content)
    with theatre.db() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [Lock.CUT])
        connection.execute(
            "INSERT INTO feed_epochrecord (sha256, cut_at, videos, size, in_service)"
            " SELECT %s, max(cut_at) + interval '1 millisecond', 0, 0, true FROM feed_epochrecord",
            [name],
        )
        try:
            yield name
        finally:
            connection.execute("DELETE FROM feed_epochrecord WHERE sha256 = %s", [name])
            file.unlink(missing_ok=True)


@pytest.mark.cell
@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "missing", "under another name"])
def test_a_damaged_epoch_is_refused_and_the_last_good_one_stays(theatre: Theatre, damage: str) -> None:
    with theatre.running.client() as client:
        good = slate(client)["epoch"]
        data = (theatre.cell.epochs / f"{good}.epoch").read_bytes()
        middle = len(data) // 2
        content = {
            "truncated": data[:-100],
            "altered": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "missing": None,
            "under another name": data,
        }[damage]
        with _newest(theatre, content) as bad:
            told = theatre.running.data / "log" / "web.log"
            theatre.until(lambda: told.read_text().count(bad) >= 1)
            for _ in range(6):
                served = slate(client, limit=3)
                assert served["epoch"] != bad
                assert served["slots"]


@pytest.mark.cell
def test_old_slates_and_epochs_go_and_the_younger_ones_still_replay(theatre: Theatre) -> None:
    from glaswerk.feed.epochs import remove_old

    viewer, dice = -secrets.randbits(60), random.Random(7)
    days = theatre.cell.config.feed.keep_epochs_days
    cutoff = now_ms() - days * DAY_MS
    states = [secrets.token_bytes(500)]
    for _ in range(9):
        states.append(states[-1] + dice.randbytes(20))
    numbers = [
        (cutoff + (2 * place - 9) * DAY_MS // 2 - EPOCH_MS) << RANDOM_BITS | dice.getrandbits(RANDOM_BITS)
        for place in range(10)
    ]
    epochs = [secrets.token_hex(32) for _ in range(3)]
    with theatre.db() as connection:
        before = b""
        for place, (number, state) in enumerate(zip(numbers, states, strict=True)):
            connection.execute(
                "INSERT INTO feed_slaterecord (id, viewer, base, epoch, at, viewer_state, ask, slate)"
                " VALUES (%s, %s, %s, %s, %s, %s, '', '')",
                [number, viewer, numbers[place - 1] if place else None, epochs[place // 5], 0, pack(state, before)],
            )
            before = state
        for epoch in epochs:
            (theatre.cell.epochs / f"{epoch}.epoch").write_bytes(b"")
            connection.execute(
                "INSERT INTO feed_epochrecord (sha256, cut_at, videos, size, in_service) VALUES (%s, %s, 0, 0, false)",
                [epoch, datetime.now(UTC) - timedelta(days=days + 1)],
            )
        assert remove_old(theatre.cell) == 2
        left = {row[0] for row in connection.execute("SELECT id FROM feed_slaterecord WHERE viewer = %s", [viewer])}
        assert left == set(numbers[5:])
        assert viewer_states(connection.cursor(), numbers) == dict(zip(numbers[5:], states[5:], strict=True))
        # The epoch that a kept slate names stays, and nothing more is removed the second time.
        assert [(theatre.cell.epochs / f"{epoch}.epoch").exists() for epoch in epochs] == [False, True, False]
        assert remove_old(theatre.cell) == 0
        connection.execute("DELETE FROM feed_slaterecord WHERE viewer = %s", [viewer])
        connection.execute("DELETE FROM feed_epochrecord WHERE sha256 = ANY(%s)", [epochs])
    (theatre.cell.epochs / f"{epochs[1]}.epoch").unlink()


@pytest.mark.cell
def test_a_damaged_record_is_told_and_takes_no_other_with_it(theatre: Theatre) -> None:
    person = theatre.somebody()
    names = [slate(person.client, limit=2)["slate"] for _ in range(4)]
    kept(theatre, *names)
    numbers = [decode_id(name) for name in names]
    assert {one["identical"] for one in theatre.running.json("feed", "replay", *names)} == {True}
    theatre.rows("UPDATE feed_slaterecord SET viewer_state = %s WHERE id = %s RETURNING 1", b"\x00\x01x", numbers[2])
    done = theatre.running.run("feed", "replay", *names, "--json", check=False)
    assert done.returncode == 1
    # The two before it are well; what was built on it cannot be read without it.
    assert [one["identical"] for one in json.loads(done.stdout)] == [True, True, False, False]
    listed = fresh(person.client, "/api/slates").json()
    assert [one["id"] for one in listed["slates"]] == names[::-1]
    assert fresh(person.client, f"/api/slates/{names[2]}/why").status_code == 410
    # The next slate is recorded whole again.
    for number in numbers[2:]:
        theatre.rows("DELETE FROM feed_slaterecord WHERE id = %s RETURNING 1", number)
    assert zlib.decompress(pack(b"x")[2:]) == b"x"
