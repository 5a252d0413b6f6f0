#!/usr/bin/env python3
"""Verify one slate of a Glaswerk feed: `verify_slate.py BUNDLE` makes it again by docs/algorithm.md and compares every byte.
Exits 0 when the slate is what the published rules give, else 1 with a sentence that names the byte, slot, head or rule."""

import hashlib
import json
import re
import struct
import sys
import tomllib
from collections import Counter
from decimal import Decimal
from itertools import accumulate, pairwise
from math import prod
from operator import mul
from pathlib import Path
from typing import Any

SOURCES = "following cowatch similar topic trending fresh shoppable promoted exploration hashtag creator"
HEADS = ("finish", "like", "share", "follow", "buy", "skip")
DIALS = ("new", "familiar", "local", "shopping", "long")
FILTERS = ("its score is lower", "withdrawn", "blocked", "followers_only", "own", "hidden", "seen")
ONE, DAY_MS, HOUR_MS, FULL = 1 << 16, 86_400_000, 3_600_000, (1 << 64) - 1
HALVING = [round(ONE * 2 ** (-step / 256)) for step in range(256)]
NORM = (0, 256, 181, 148, 128, 114, 105, 97, 91, 85, 81, 77, 74, 71, 68, 66, 64)
SCALES = {"weights": 256, "pull": ONE, "decay.watch_days": DAY_MS, "decay.fresh_hours": HOUR_MS}
SCALES |= {"spacing.creator_cost": ONE, "spacing.topic_cost": ONE, "exploration.share": ONE, "exploration.hold": ONE}
SCALES |= {"commercial.cap": ONE, "dials": ONE, "dials.long_seconds": 1000}
FORMS = {
    "viewer": "2 id:i profiling:n region:t language:t new:i familiar:i local:i shopping:i long:i topics:p watches:w follows:r"
    " blocks:r seen:r hidden:r",
    "ask": "1 limit:n at:n surface:t seed:i again:n withdrawn:r",
    "slate": "2 epoch:h slots:s",
}
Slot = tuple[int, int, int]


class Refused(Exception):  # noqa: N818 - it says what happened.
    """The bundle does not hold what it must; the message says where."""


def check(holds: Any, sentence: str) -> None:
    if not holds:
        raise Refused(sentence)


def wrapped(number: int) -> int:
    return (number + (1 << 63) & FULL) - (1 << 63)


def decay(age: int, half_life: int) -> int:
    whole = max(age, 0) // half_life
    return 0 if whole >= 17 else HALVING[max(age, 0) % half_life * 256 // half_life] >> whole


def dice(seed: int, position: int, throw: int, faces: int) -> int:
    word = seed + 0x9E3779B97F4A7C15 * (position * 1024 + throw + 1) & FULL
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & FULL
    word = (word ^ word >> 27) * 0x94D049BB133111EB & FULL
    return ((word ^ word >> 31) >> 32) * faces >> 32


def read_wire(name: str, data: bytes) -> dict[str, Any]:
    """A viewer, an ask or a slate by the letters of FORMS: natural, integer, text, hash, rising list, pairs, watches, slots."""
    at = 0

    def raw(size: int) -> bytes:
        nonlocal at
        at += size
        check(at <= len(data), f"the {name} ends within a value, at byte {len(data)}")
        return data[at - size : at]

    def natural() -> int:
        value = shift = 0
        while (byte := raw(1)[0]) >= 128 and shift < 63:
            value |= (byte & 127) << shift
            shift += 7
        value |= byte << shift
        check(value <= FULL and (byte > 0 or shift == 0), f"byte {at - 1} of the {name}: a number in no canonical form")
        return value

    def steps(count: int) -> list[int]:
        check(count <= len(data) - at, f"byte {at} of the {name}: a list is longer than what is left")
        zigzags = [natural() for _ in range(count)]
        return [wrapped(value) for value in accumulate(zigzag >> 1 ^ -(zigzag & 1) for zigzag in zigzags)]

    def rising() -> set[int]:
        values = steps(natural())
        check(values == sorted(set(values)), f"the list before byte {at} of the {name} does not rise")
        return set(values)

    letters: dict[str, Any] = {"n": natural, "i": lambda: steps(1)[0], "r": rising}
    letters["w"] = lambda: list(zip(steps(n := natural()), raw(n), steps(n), raw(n), strict=True))
    letters |= {"t": lambda: raw(natural()).decode(), "h": lambda: raw(32)}
    letters["p"] = lambda: [(letters["t"](), letters["i"]()) for _ in range(natural())]
    letters["s"] = lambda: [(natural(), letters["i"](), natural()) for _ in range(natural())]
    form, *fields = FORMS[name].split()
    check(natural() == int(form), f"byte 0 of the {name}: an unknown form")
    found = {field[:-2]: letters[field[-1]]() for field in fields}
    check(at == len(data), f"bytes are left over from byte {at} of the {name}")
    return found


def read_bundle(data: bytes) -> list[bytes]:
    check(data[:8] == b"GLASBU01" and len(data) >= 200, "this is no bundle, or it is cut short")
    check(hashlib.sha256(data[:-32]).digest() == data[-32:], "the bundle is altered: its bytes do not match its hash")
    parts, at = [], 168
    for place, name in enumerate(("epoch", "viewer", "ask", "slate")):
        parts.append(data[at : at + int.from_bytes(data[8 + 40 * place :][:8], "little")])
        check(data[16 + 40 * place :][:32] == hashlib.sha256(parts[-1]).digest(), f"the {name} does not match its hash")
        at += len(parts[-1])
    check(at == len(data) - 32, "the parts of the bundle do not fill it")
    return parts


def write_slate(epoch: bytes, slots: list[Slot]) -> bytes:
    out = bytearray(b"\x02" + epoch)
    for number in (len(slots), *(n for video, value, marks in slots for n in (video, value << 1 ^ value >> 99, marks))):
        while number >= 128:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def read_epoch(data: bytes) -> dict[str, Any]:
    """Every array by its name, flat, and the facts of the header."""
    check(data[:8] == b"GLASEP02" and hashlib.sha256(data[:-32]).digest() == data[-32:], "this is no whole epoch")
    epoch: dict[str, Any] = json.loads(data[16 : 16 + int.from_bytes(data[8:16], "little")])
    for name, place in epoch["arrays"].items():
        end = place["offset"] + prod(place["shape"]) * int(place["dtype"][2])
        check(0 <= place["offset"] <= end <= len(data) - 32, f"the column {name} does not lie within the epoch")
        code = {"<i8": "q", "<i4": "i", "<i2": "h", "|u1": "B"}[place["dtype"]]
        epoch[name] = struct.unpack(f"<{prod(place['shape'])}{code}", data[place["offset"] : end])
    epoch["rule"] = rule = {}
    for section, said in tomllib.loads(epoch["policy"], parse_float=Decimal).items():
        for key, number in said.items() if isinstance(said, dict) and section != "heads" else ():
            exact = Decimal(number == "impression" if section == "seen" else number)
            rule[f"{section}.{key}"] = round(exact * SCALES.get(f"{section}.{key}", SCALES.get(section, 1)))
    for table in ("head_heights", "head_slopes"):
        by_head = (epoch[table][at :: len(epoch["head_knots"])] for at in range(len(epoch["head_knots"])))
        epoch[table] = [sum(map(mul, epoch["head_weights"], entries)) >> 8 for entries in by_head]
    rule["sources.exploration"] = rule["exploration.pool"]
    bins, published = epoch["bins"], epoch["published"]
    for name, lists in (("tags_of", "video_tags"), ("tokens_of", "tokens")):
        epoch[name] = [epoch[lists][start:end] for start, end in pairwise(epoch[f"{lists}_start"])]
    text, ends = bytes(epoch["tag_text"]), epoch["tag_ends"]
    epoch["tag_of"] = {text[start:end].decode(): tag for tag, (start, end) in enumerate(pairwise((0, *ends)))}
    epoch["place"] = [[*epoch["regions"], ""][code] for code in epoch["region"]]
    epoch["speech"] = [[*epoch["languages"], ""][code] for code in epoch["language"]]
    sound = list(epoch["ids"]) == sorted(set(epoch["ids"])) and max(map(abs, published), default=0) < 1 << 53
    check(sound, "the ids of the epoch's videos do not rise, or a time is 2^53 or more")
    videos, fixed = range(len(epoch["ids"])), [0] * len(epoch["ids"])
    for head, name in enumerate(HEADS):
        weight, bias, table = epoch["head_weights"][head], epoch["head_bias"][head], epoch["head_table"][448 * head :]
        check(weight == rule[f"weights.{name}"], f"head {name}: its weight is not that of the policy")
        for row in videos:
            entries = (bias, *(table[64 * signal + bins[7 * row + signal]] for signal in range(7)))
            fixed[row] += sum(weight * entry >> 8 for entry in entries)
    different = next((epoch["ids"][row] for row in videos if fixed[row] != epoch["standing"][row]), 0)
    check(different == 0, f"rule standing: the heads give video {different} another one than the epoch says")
    epoch["fresh"] = sorted(videos, key=lambda row: (-published[row], row))
    epoch["best"] = sorted(videos, key=lambda row: (-fixed[row], row))
    return epoch


def rank(epoch: dict[str, Any], viewer: dict[str, Any], ask: dict[str, Any]) -> tuple[list[Slot], dict[int, int]]:
    """The slots in order, and for each video that a source offered the number of the filter that dropped it, or 0."""
    kind, _, argument = ask["surface"].partition(":")
    asks = re.fullmatch(r"for_you|following|shop|hashtag:(?s:.+)|creator:(0|[1-9][0-9]*)", ask["surface"])
    check(asks and 1 <= ask["limit"] <= 50 and ask["at"] < 1 << 53 and ask["again"] < 2, "the ask is out of bounds")
    asked, turned = viewer["topics"], [viewer[dial] for dial in DIALS] + [setting for _, setting in viewer["topics"]]
    good = asked == sorted(dict(asked).items()) and len(asked) <= 20 and all(map(all, asked))
    good = good and all(abs(setting) <= 2 for setting in turned) and all(flags < 64 for *_, flags in viewer["watches"])
    check(good and viewer["profiling"] < 2, "the viewer is out of bounds")
    rule, ids, tags_of, creator, limit = epoch["rule"], epoch["ids"], epoch["tags_of"], epoch["creator"], ask["limit"]
    published, weight, newest, seed = epoch["published"], epoch["tag_weight"], epoch["fresh"], ask["seed"]
    row_of = {video: row for row, video in enumerate(ids)}
    near, alike, bought, made, marks, verdict = (Counter[int]() for _ in range(6))
    topics, liked = dict[int, list[int]](), list[int]()
    known = [(row_of[video], *said, at) for at, (video, *said) in enumerate(viewer["watches"]) if video in row_of]
    seen_at = {row: max(when, 0) for when, row in sorted((when, row) for row, _, when, *_ in known)}
    counting = [watch for watch in known if watch[-1] < rule["history.watches"] * viewer["profiling"]]
    for row, strength, when, flags, place in counting:
        low = "pull.not_interested" if flags & 16 else "pull.skip"
        level = -rule[low] if flags & 24 else rule["pull.finish"] * strength // 255
        aged = level * decay(wrapped(ask["at"] - when), rule["decay.watch_days"]) >> 16
        pull = aged * decay(place, rule["decay.watch_count"]) >> 16
        made[creator[row]] += pull
        for name, sums in (("near", near), ("alike", alike), ("bought", bought)):
            for at in range(*epoch.get(f"{name}_start", (0,) * (row + 2))[row : row + 2]):
                sums[epoch[f"{name}_videos"][at]] += pull * epoch[f"{name}_weights"][at] >> 15
        for tag in tags_of[row]:
            topics.setdefault(tag, []).append(pull * weight[tag] * NORM[len(tags_of[row])] >> 16)
    region, language, sells, best = viewer["region"], viewer["language"], epoch["commercial"], epoch["best"]
    dialled = {epoch["tag_of"][name]: setting for name, setting in asked if name in epoch["tag_of"]}
    order = [[row for _, row in sorted((-s[row], row) for row in s if s[row] > 0)] for s in (bought, near, alike)]
    shop = [("shoppable", [row for row in rows if sells[row] == 1]) for rows in (*order, best)]
    lists = {"shop": shop, "hashtag": [(kind, [row for row in best if epoch["tag_of"].get(argument) in tags_of[row]])]}
    lists["creator"] = [(kind, [row for row in newest if str(creator[row]) == argument])]
    offers = lists.get(kind, [("following", [row for row in newest if creator[row] in viewer["follows"]])])
    if kind == "for_you":
        offers += [("cowatch", order[1]), ("similar", order[2])]
        first = sorted(topics, key=lambda tag: (-sum(topics[tag]), tag))[: rule["topics.followed"]]
        liked = sorted(tag for tag in dialled if dialled[tag] > 0)
        liked += [tag for tag in first if sum(topics[tag]) > 0 and tag not in liked]
        offers += [("topic", [row for row in best if tag in tags_of[row]]) for tag in liked]
        offers.append(("trending_here", [row for row in epoch["trending"] if epoch["place"][row] == region != ""]))
        offers += [("trending", epoch["trending"]), ("fresh", newest), *shop]
        offers.append(("promoted", [row for row in best if sells[row] == 2]))
        shown, early, hold = epoch["impressions"], rule["exploration.audience"], rule["exploration.hold"]
        most = min(early * rule["exploration.growth"] ** (rule["exploration.stages"] - 1), 1 << 40)
        due = [most if (epoch["bins"][7 * row] - 32) * 8192 >= hold else early for row in range(len(ids))]
        offers.append(("exploration", sorted((row for row in newest if shown[row] < due[row]), key=shown.__getitem__)))
    for source, offered in offers:
        want = rule[f"sources.{source}" if kind == "for_you" else "sources.surface"]
        want *= 2 + viewer["shopping"] * (source == "shoppable")
        want //= 2 * (len(liked) if source == "topic" else 1)
        for row in offered if want else ():
            own, followed = creator[row] == viewer["id"], creator[row] in viewer["follows"]
            private = epoch["followers_only"][row] and not own and not followed
            hidden = kind in "for_you following shop" and not viewer["hidden"].isdisjoint(epoch["tokens_of"][row])
            seen = row in seen_at or (rule["seen.rule"] and ids[row] in viewer["seen"])
            drops = (ids[row] in ask["withdrawn"], creator[row] in viewer["blocks"], private, own and kind == "for_you")
            verdict[row] = next((number for number, drop in enumerate((*drops, hidden, seen), 1) if drop), 0)
            marks[row] |= 1 << SOURCES.split().index(source.removesuffix("_here"))
            want -= verdict[row] == 0
            if want == 0:
                break
    value, size, longest = {}, len(epoch["head_knots"]) // 8, rule["dials.long_seconds"]
    for row in verdict:
        norm, maker = NORM[len(tags_of[row])], creator[row]
        topic = sum(part * norm >> 8 for tag in tags_of[row] for part in topics.get(tag, ()))
        same = [maker in viewer["follows"], epoch["speech"][row] == language != "", epoch["place"][row] == region != ""]
        fresh = decay(ask["at"] - published[row], rule["decay.fresh_hours"])
        signals = [near[row], alike[row], topic, made[maker], *(ONE * holds for holds in same), fresh]
        long = min(max(epoch["duration"][row], 0), longest) * ONE // longest
        features = (fresh, ONE * (made[maker] > 0 or same[0]), ONE * same[2], ONE * (sells[row] > 0), long)
        worth = epoch["standing"][row] + sum(dialled.get(tag, 0) * rule["dials.topic"] for tag in tags_of[row])
        worth += sum(viewer[dial] * rule[f"dials.{dial}"] * features[at] >> 16 for at, dial in enumerate(DIALS))
        for place, signal in enumerate(signals):
            knots = epoch["head_knots"][place * size : place * size + size]
            inside = min(max(signal, knots[0]), knots[-1])
            at = place * size + max(knot for knot, edge in enumerate(knots) if edge <= inside)
            worth += epoch["head_heights"][at] + ((inside - epoch["head_knots"][at]) * epoch["head_slopes"][at] >> 16)
        value[row] = worth
    rows, chosen, explored = sorted(row for row in verdict if verdict[row] == 0), list[int](), list[int]()
    count = limit * rule["exploration.share"] + dice(seed, 0, 0, ONE) >> 16
    chances = sorted(range(limit), key=lambda slot: (dice(seed, slot + 1, 0, 1 << 24), slot))[:count]
    room = limit * (1 << 17 if kind == "shop" else rule["commercial.cap"] * (2 + min(viewer["shopping"], 0))) >> 17
    if kind in ("following", "creator"):
        chosen, room = sorted(rows, key=lambda row: (-published[row], row))[:limit], limit
    while len(chosen) < limit and (left := [row for row in rows if row not in chosen and (room or not sells[row])]):
        slot = len(chosen)
        makers = [creator[row] for row in chosen]
        close = makers[max(0, slot - rule["spacing.creator_gap"]) :]
        lately = [tag for row in chosen[max(0, slot - rule["spacing.topic_window"]) :] for tag in tags_of[row]]
        free = [row for row in left if marks[row] & 256 and creator[row] not in close]
        if free and sum(chance <= slot for chance in chances) > len(explored):
            left = [free[dice(seed, slot + 1, throw + 1, len(free))] for throw in range(rule["exploration.draws"])]
            explored.append(slot)
        scored = []
        for row in left:
            repeats = makers.count(creator[row]) * rule["spacing.creator_cost"] + close.count(creator[row]) * ONE * 1024
            tags = [rule["spacing.topic_cost"] * weight[tag] * lately.count(tag) >> 8 for tag in tags_of[row]]
            scored.append((repeats + max(tags, default=0) - value[row], row))
        chosen.append(min(scored)[1])
        room -= sells[chosen[-1]] > 0
    slots = [(ids[row], value[row], marks[row] | 2048 * (slot in explored)) for slot, row in enumerate(chosen)]
    if ask["again"]:
        for *_, row in sorted((seen_at.get(row, 0), -value[row], row) for row in verdict if verdict[row] == 6):
            if len(slots) < limit and (room or not sells[row]):
                slots.append((ids[row], value[row], marks[row] | 4096))
                room -= sells[row] > 0
    return slots, {ids[row]: verdict[row] for row in verdict}


def verify(data: bytes) -> str:
    parts = read_bundle(data)
    epoch, viewer, ask = read_epoch(parts[0]), read_wire("viewer", parts[1]), read_wire("ask", parts[2])
    named, slots = read_wire("slate", parts[3]).values()
    check(named == hashlib.sha256(parts[0]).digest(), "byte 1 of the slate: it names another epoch than the bundle has")
    due, verdict = rank(epoch, viewer, ask)
    made = write_slate(named, due)
    byte = next((at for at, pair in enumerate(zip(made, parts[3], strict=False)) if pair[0] != pair[1]), len(made))
    for slot, ((video, value, marks), (right, worth, bits)) in enumerate(zip(slots, due, strict=False)):
        where = f"byte {byte} of the slate, slot {slot}: "
        fate = FILTERS[verdict[video]] if video in verdict else "no source offers it"
        check(video == right, f"{where}the rules place video {right}, not {video} ({fate})")
        check(value == worth, f"{where}the heads give video {video} the value {worth}, not {value}")
        check(marks == bits, f"{where}video {video} has the marks {bits:b}, not {marks:b}")
    check(made == parts[3], f"byte {byte} of the slate: the rules fill {len(due)} slots, not {len(slots)}")
    return f"verified: {len(slots)} slots of epoch {named.hex()} are what the published rules give"


if __name__ == "__main__":
    try:
        print(verify(Path(sys.argv[1]).read_bytes()))
    except Exception as error:  # Whatever cannot be read is no proof.
        sys.exit(f"refused: {error if isinstance(error, Refused) else repr(error)}")
