"""The verifier, which shares no code with the engine, against the engine: byte for byte, and against altered bundles."""

import hashlib
import importlib.util
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from glaswerk.feed.replay import bundle
from glaswerk.glass import (
    Ask,
    Catalogue,
    Dials,
    Epoch,
    Policy,
    Viewer,
    Watch,
    Watches,
    cut_epoch,
    default_policy,
    rank,
    token,
)  # fmt: skip
from glaswerk.glass.dials import NEUTRAL

from .synthetic import DAY, NOW, make_catalogue, make_goods, make_watches

TOOL = Path(__file__).resolve().parents[2] / "tools" / "verify_slate.py"
WORDS = [f"word{number}" for number in range(12)]
SURFACES = (*["for_you"] * 7, "shop", "following", "hashtag:topic1", "hashtag:none", "creator:7919", "creator:5")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_slate", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changed_policy(chance: random.Random) -> Policy:
    """The default policy with some rules moved, so that every quota and window is met at its edge."""
    text = default_policy().text
    for old, news in {
        "\nshare = 0.1\n": ("0", "0.1", "0.55", "1"),
        "\ncreator_gap = 3 ": ("0", "1", "3", "9"),
        "\ntopic_window = 5 ": ("0", "2", "5"),
        "\ndraws = 3 ": ("1", "3", "9"),
        "\npool = 64 ": ("1", "8", "64"),
        "\nfollowed = 8 ": ("0", "2", "8"),
        "\nper_video = 5 ": ("1", "2", "5"),
        "\ncowatch = 400 ": ("0", "7", "400", "400"),
        "\ntopic = 300": ("5", "31", "300"),
        "\ntrending_here = 150": ("0", "4", "150"),
        "\nfresh = 150": ("0", "9", "150"),
        "\nwatches = 200 ": ("3", "20", "200"),
        "\nwatch_days = 21 ": ("0.37", "21"),
        "\nhold = 0.2 ": ("-0.5", "0.2"),
        '\nrule = "impression"': ('"impression"', '"watch"'),
        "\nsimilar = 150": ("0", "6", "150"),
        "\nshoppable = 50 ": ("0", "3", "50"),
        "\npromoted = 50 ": ("0", "1", "50"),
        "\ncap = 0.2 ": ("0", "0.2", "0.35", "1"),
        "\nlong_seconds = 60 ": ("1", "9.5", "60"),
        "\nfamiliar = 1.0 ": ("0", "0.37", "1.0"),
        "\nlong = 1.0 ": ("0.77", "20"),
    }.items():
        key = old.partition("=")[0]
        if old in text:
            text = text.replace(old, f"{key}= {chance.choice(news)} {'' if not old.endswith(chr(10)) else chr(10)}", 1)
        else:
            text = text.replace(old.rstrip(), f"{key}= {chance.choice(news)}", 1)
    return Policy.parse(text)


def made(seed: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Epoch, viewer, ask and slate of one random case."""
    chance = random.Random(seed)
    size = chance.choice((0, 1, 2, 7, 60, 150, 150, 150, 150))
    catalogue = make_catalogue(size, topics=4, creators=chance.choice((1, 3, 12)), seed=seed) if size else None
    if catalogue is None:
        catalogue, watches = Catalogue.empty(), Watches.empty()
    else:
        rows = range(size)
        catalogue = replace(
            catalogue,
            followers_only=np.array([chance.random() < 0.2 for _ in rows]),
            hashtags=[
                tuple(chance.sample(["topic0", "topic1", "süß", "a", "b", "c"], chance.randint(0, 5))) for _ in rows
            ],
            tokens=[tuple(token(chance.choice(WORDS)) for _ in range(chance.randint(0, 6))) for _ in rows],
            features=np.array([chance.choices((0, 40, 200), k=64) for _ in rows], dtype=np.uint8),
            commercial=np.array([chance.choice((0, 0, 0, 1, 2)) for _ in rows], dtype=np.uint8),
            buys=catalogue.likes // 3,
            duration_ms=np.array([chance.randrange(90_000) for _ in rows], dtype=np.int32),
            published_at=np.array([NOW - chance.choice((0, 1, 5 * DAY, chance.randrange(20 * DAY))) for _ in rows]),
        )
        watches = make_watches(catalogue, 30, topics=4, seed=seed)
    # Every second epoch knows what was bought together, and what its videos show; in the others somebody said it without.
    goods = make_goods(chance.sample(catalogue.ids.tolist(), size // 3), seed=seed) if seed % 2 else None
    data = cut_epoch(catalogue, watches, changed_policy(chance), NOW, goods=goods)
    ids = [*catalogue.ids.tolist(), 5, 77]
    creators = sorted({*catalogue.creator.tolist(), 9})
    watched = [
        Watch(chance.choice(ids), chance.randrange(256), NOW - chance.randrange(-DAY, 40 * DAY), chance.choice((0, 0, 0, 1, 8, 16, 24, 32)))
        for _ in range(chance.choice((0, 10, 10, 60)))
    ]  # fmt: skip
    named = chance.sample(["topic0", "topic1", "süß", "a", "nie"], chance.randint(0, 4))
    topics = tuple((tag, chance.choice((-2, -1, 1, 2))) for tag in sorted(named))
    viewer = Viewer(
        chance.choice((-3, 7919, 12)),
        tuple(watched),
        tuple(sorted(chance.sample(creators, chance.randint(0, len(creators) // 2)))),
        tuple(sorted(chance.sample(creators, chance.choice((0, 0, 1))))),
        tuple(sorted(set(chance.sample(ids, chance.randint(0, len(ids) // 2))))),
        chance.choice(("", "de", "fr", "xx")),
        chance.choice(("", "de", "en", "xx")),
        chance.random() < 0.8,
        chance.choice((NEUTRAL, Dials(*[chance.randint(-2, 2) for _ in range(5)], topics=topics))),
        chance.choice(((), tuple(sorted(token(word) for word in chance.sample(WORDS, 2))))),
    )
    withdrawn = tuple(sorted(set(chance.sample(ids, chance.choice((0, 0, 1, 2))))))
    ask = Ask(chance.choice((1, 3, 10, 10, 50)), NOW + chance.randrange(DAY), chance.choice(SURFACES), chance.randrange(-(1 << 63), 1 << 63),
              withdrawn, chance.random() < 0.5)  # fmt: skip
    return data, viewer.encode(), ask.encode(), rank(Epoch.from_bytes(data), viewer, ask).encode()


@pytest.mark.parametrize("block", range(6))
def test_the_verifier_makes_every_slate_of_the_engine(tool: ModuleType, block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        parts = made(seed)
        assert tool.verify(bundle(*parts)).startswith("verified: "), seed
        slots, _ = tool.rank(
            tool.read_epoch(parts[0]), tool.read_wire("viewer", parts[1]), tool.read_wire("ask", parts[2])
        )
        assert tool.write_slate(hashlib.sha256(parts[0]).digest(), slots) == parts[3]


def test_the_cases_reach_every_rule(tool: ModuleType) -> None:
    marks, filters, lengths = 0, set(), set()
    for seed in range(60):
        parts = made(seed)
        slots, verdict = tool.rank(
            tool.read_epoch(parts[0]), tool.read_wire("viewer", parts[1]), tool.read_wire("ask", parts[2])
        )
        filters |= set(verdict.values())
        lengths.add(len(slots))
        for _, _, bits in slots:
            marks |= bits
    assert (marks, filters) == (0b1111111111111, set(range(7)))
    assert {0, 1, 10} < lengths


def test_one_altered_bit_anywhere_is_refused(tool: ModuleType) -> None:
    whole = bundle(*made(9))
    chance = random.Random(1)
    places = {
        *range(0, 180, 7),
        *(chance.randrange(len(whole)) for _ in range(150)),
        *range(len(whole) - 90, len(whole), 9),
    }
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= 1 << chance.randrange(8)
        with pytest.raises(tool.Refused):
            tool.verify(bytes(altered))
    for size in (0, 7, 8, 199, 200, len(whole) - 1):
        with pytest.raises(tool.Refused):
            tool.verify(whole[:size])
    with pytest.raises(tool.Refused):
        tool.verify(whole + b"\0")


def test_a_slate_that_the_rules_do_not_give_is_refused_though_every_hash_is_right(tool: ModuleType) -> None:
    epoch, viewer, ask, slate = next(parts for parts in map(made, range(60)) if len(parts[3]) > 100)
    named = hashlib.sha256(epoch).digest()
    slots = tool.read_wire("slate", slate)["slots"]
    (video, value, marks), (other, worth, bits), *rest = slots
    for changed, why in (
        ([(other, worth, bits), (video, value, marks), *rest], f"slot 0: the rules place video {video}, not {other}"),
        ([(video, value + 1, marks), *slots[1:]], f"slot 0: the heads give video {video} the value {value}"),
        ([(video, value, marks ^ 2048), *slots[1:]], f"slot 0: video {video} has the marks"),
        (slots[:-1], f"the rules fill {len(slots)} slots, not {len(slots) - 1}"),
    ):
        with pytest.raises(tool.Refused, match=why):
            tool.verify(bundle(epoch, viewer, ask, tool.write_slate(named, changed)))


def test_the_command_says_so_and_leaves_with_0_or_1(tmp_path: Path) -> None:
    whole = bundle(*made(9))
    file = tmp_path / "bundle"
    for data, code in ((whole, 0), (whole[:-1] + b"x", 1), (b"", 1)):
        file.write_bytes(data)
        done = subprocess.run([sys.executable, "-I", TOOL, file], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert (done.stdout if code == 0 else done.stderr).startswith(("verified: ", "refused: ")[code])


def test_the_verifier_stays_small_and_imports_only_the_standard_library() -> None:
    lines = TOOL.read_text().splitlines()
    assert len(lines) <= 300
    roots = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert roots <= sys.stdlib_module_names
