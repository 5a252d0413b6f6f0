#!/usr/bin/env python3
"""Verify a Glaswerk log: `verify_log.py URL-or-DIR --key VKEY` hashes every entry again by docs/log.md and prints JSON.

Needs Python and `cryptography`, and shares no code with Glaswerk. Exits 0 when everything holds, else 1: `failed` says what.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTE_BYTES, ENTRY_BYTES, MOST_FAULTS, TIMEOUT_S = 1 << 17, 65_535, 100, 30
NAME = re.compile(r"tile/(entries|[0-7])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
Read = Callable[[str, int], bytes]


class Refused(Exception):  # noqa: N818 - it says what happened.
    """The log does not hold what it must; the message says what."""


class Missing(Refused):
    """There is no such file."""


def check(holds: Any, sentence: str) -> None:
    if not holds:
        raise Refused(sentence)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Refused(f"{text[:50]!r} is not base64") from None
    check(base64.b64encode(data).decode() == text, f"{text[:50]!r} is base64 in no canonical form")
    return data


def number(text: str) -> int:
    check(re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) < 1 << 63, f"{text[:30]!r} is not a number below 2^63")
    return int(text)


def from_folder(folder: Path) -> Read:
    def read(place: str, most: int) -> bytes:
        path = folder / place
        if path.is_symlink() or not path.is_file():
            raise Missing("it is not there, or not a plain file")
        try:
            with path.open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise Refused(f"it cannot be read: {error.strerror}") from None
        check(len(data) <= most, f"it has more than {most} bytes")
        return data

    return read


def from_url(url: str) -> Read:
    """One connection for all files. No redirects, no compression, and never more bytes than a file can have."""
    parts = urlsplit(url)
    check(parts.scheme in ("http", "https") and parts.hostname, "give a folder, or an http or https address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    base = parts.path.rstrip("/")

    def once(place: str, most: int) -> bytes:
        connection.request("GET", f"{base}/{place}", headers={"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        data = answer.read(most + 1)
        if answer.status != 200 or len(data) > most or answer.getheader("Content-Encoding", "identity") != "identity":
            connection.close()
        if answer.status in (404, 410):
            raise Missing(f"the server answers {answer.status}")
        check(answer.status == 200, f"the server answers {answer.status}")
        check(len(data) <= most, f"it has more than {most} bytes")
        check(
            answer.getheader("Content-Encoding", "identity") == "identity",
            "it comes compressed, which was not asked for",
        )
        return data

    def read(place: str, most: int) -> bytes:
        for attempt in (1, 2):
            try:
                return once(place, most)
            except (OSError, http.client.HTTPException) as error:
                # A server may close a connection that it kept open; a fresh one then tells.
                connection.close()
                if attempt == 2:
                    raise Refused(f"it cannot be fetched: {error!r}") from None
        raise AssertionError

    return read


def read_key(text: str, kind: bytes = b"\1") -> tuple[str, bytes, bytes]:
    """The name, id and public key of a vkey, of a log (kind 1) or a witness (4)."""
    parts = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text)
    check(parts, "a key is written name+id+base64")
    assert parts is not None
    name, key_id, material = parts[1], bytes.fromhex(parts[2]), decoded(parts[3])
    check(material[:1] == kind and len(material) == 33, f"this is no Ed25519 key of kind {kind[0]}")
    check(sha256(name.encode() + b"\n" + material)[:4] == key_id, "the id of the key does not match it")
    return name, key_id, material[1:]


def open_checkpoint(data: bytes, key: str, witnesses: Sequence[str]) -> tuple[int, bytes, dict[str, int]]:
    """The size and the root that the key's owner signed, and which of these witnesses have cosigned them when."""
    name, key_id, public = read_key(key)
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    check(not re.search("[\x00-\x09\x0b-\x1f]", whole), "it holds a control character")
    text, parted, lines = whole.rpartition("\n\n")
    check(parted and lines.endswith("\n"), "it is no text with signatures under it")
    text += "\n"
    signed, cosigned = False, dict[str, int]()
    known = {(one[0], one[1]): one[2] for one in (read_key(one, b"\4") for one in witnesses)}
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        check(len(parts) == 3 and parts[0] == "—" and parts[1], "a line of a signature is not one")
        check("+" not in parts[1] and not any(map(str.isspace, parts[1])), "a key's name has a space or a plus sign")
        signature = decoded(parts[2])
        check(len(signature) > 4, "a signature is too short")
        if parts[1] == name and signature[:4] == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Refused("the log's signature does not hold") from None
            signed = True
        elif public_of_witness := known.get((parts[1], signature[:4])):
            check(len(signature) == 76, "a cosignature does not have 72 bytes")
            at = int.from_bytes(signature[4:12], "big")
            said_then = f"cosignature/v1\ntime {at}\n{text}".encode()
            try:
                Ed25519PublicKey.from_public_bytes(public_of_witness).verify(signature[12:], said_then)
            except InvalidSignature:
                raise Refused(f"the cosignature of {parts[1]} does not hold") from None
            cosigned[parts[1]] = max(at, cosigned.get(parts[1], 0))
    check(signed, "the log did not sign it with this key")
    said = text[:-1].split("\n")
    check(len(said) >= 3 and all(said), "it has fewer than three lines, or an empty one")
    origin, size, root = said[:3]
    check(origin == name, f"it is of the log {origin!r}")
    check(len(decoded(root)) == 32, "its root does not have 32 bytes")
    return number(size), decoded(root), cosigned


def root_of(hashes: list[bytes]) -> bytes:
    """The root over subtrees of one height, the last of which may be smaller (RFC 6962, section 2.1)."""
    while len(hashes) > 1:
        above = [sha256(b"\1" + left + right) for left, right in zip(hashes[::2], hashes[1::2], strict=False)]
        hashes = above + hashes[len(above) * 2 :]
    return hashes[0] if hashes else sha256(b"")


def place_of(level: str, index: int, width: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


def split(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle."""
    entries, at = list[bytes](), 0
    for _ in range(width):
        check(at + 2 <= len(data), f"it ends before its entry {len(entries)} of {width}")
        start, at = at + 2, at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[start:at])
    check(at == len(data), f"its {width} entries have {at} bytes, and it has {len(data)}")
    return entries


class Log:
    def __init__(self, read: Read) -> None:
        self.read = read
        self.bytes = 0
        self.failed: list[dict[str, str]] = []

    def note(self, place: str, error: Refused) -> None:
        self.failed.append({"place": place, "detail": str(error)})
        if len(self.failed) >= MOST_FAULTS:
            raise OverflowError

    def tile(self, level: str, index: int, width: int) -> bytes:
        """A tile or bundle; the beginning of the full one where the partial one is gone."""
        each = 2 + ENTRY_BYTES if level == "entries" else 32
        try:
            data = self.read(place_of(level, index, width), width * each)
        except Missing:
            if width == 256:
                raise
            data = self.beginning(level, self.read(place_of(level, index, 256), 256 * each), width)
        check(level == "entries" or len(data) == width * 32, f"it has {len(data)} bytes, not {width * 32}")
        return data

    @staticmethod
    def beginning(level: str, data: bytes, width: int) -> bytes:
        at = 0
        for _ in range(width):
            at += 32 if level != "entries" else 2 + int.from_bytes(data[at : at + 2], "big")
        return data[:at]

    def hashes(self, level: int, index: int, width: int, made: list[bytes] | None) -> list[bytes]:
        """Compare a tile with the hashes that were made. Without any, its own stand in, so that more can be looked at."""
        try:
            said = self.tile(str(level), index, width)
            if made is None:
                return [said[at : at + 32] for at in range(0, len(said), 32)]
            for at, one in enumerate(made):
                check(one == said[32 * at : 32 * at + 32], f"its hash {at} is not that of what lies below it")
        except Refused as error:
            self.note(place_of(str(level), index, width), error)
        return made or [bytes(32)] * width

    def leaves(self, index: int, width: int) -> list[bytes] | None:
        try:
            data = self.tile("entries", index, width)
            entries = split(data, width)
        except Refused as error:
            self.note(place_of("entries", index, width), error)
            return None
        self.bytes += len(data)
        return [hashlib.sha256(b"\0" + entry).digest() for entry in entries]

    def root(self, size: int) -> bytes:
        below: list[bytes] = []
        carried: list[bytes] = []
        level = 0
        while count := size >> 8 * level:
            above, rest = [], list[bytes]()
            for index in range(-(-count // 256)):
                width = min(256, count - 256 * index)
                made = self.leaves(index, width) if level == 0 else below[256 * index : 256 * index + width]
                found = self.hashes(level, index, width, made)
                if width == 256:
                    above.append(root_of(found))
                else:
                    rest = found
            carried = [root_of(rest + carried)] if rest or carried else []
            below, level = above, level + 1
        return root_of(carried)

    def search(self, folder: Path, size: int) -> None:
        """Find what is no tile, and older partial tiles that are no beginning of what came after them."""
        for parent, _, names in sorted(os.walk(folder / "tile")):
            for name in sorted(names):
                path = (Path(parent) / name).relative_to(folder).as_posix()
                try:
                    parts = NAME.fullmatch(path)
                    check(parts, "no log has a file of this name")
                    assert parts is not None
                    level, index, width = parts[1], int(re.sub("[x/]", "", parts[2])), int(parts[3] or 256)
                    check(width <= 256 and place_of(level, index, width) == path, "no log has a file of this name")
                    now = min(256, (size >> (0 if level == "entries" else 8 * int(level))) - 256 * index)
                    if width < now:
                        newer = self.beginning(level, self.tile(level, index, now), width)
                        check(self.read(path, len(newer) + 1) == newer, "what came after it does not begin with it")
                except Refused as error:
                    self.note(path, error)


def seen(log: Log, key: str, witnesses: Sequence[str]) -> dict[str, Any]:
    """What the witnesses have cosigned last, where that is an earlier checkpoint: its entries are hashed once more."""
    try:
        size, root, cosigned = open_checkpoint(log.read("witnessed", NOTE_BYTES), key, witnesses)
        if log.root(size) != root:
            log.note("witnessed", Refused("the entries do not lead to the root that was cosigned"))
        return {"witnessed": size, "cosigned": cosigned}
    except Missing:
        return {"witnessed": None, "cosigned": {}}
    except Refused as error:
        log.note("witnessed", error)
        return {"witnessed": None, "cosigned": {}}


def verify(source: str, key: str, witnesses: Sequence[str] = ()) -> dict[str, Any]:
    folder = None if "://" in source else Path(source)
    log = Log(from_url(source) if folder is None else from_folder(folder))
    size = root = None
    told: dict[str, Any] = {}
    try:
        size, root, cosigned = open_checkpoint(log.read("checkpoint", NOTE_BYTES), key, witnesses)
        if log.root(size) != root:
            log.note("checkpoint", Refused("the entries do not lead to the root that was signed"))
        if witnesses:
            told = {"witnessed": size, "cosigned": cosigned} if cosigned else seen(log, key, witnesses)
        if folder is not None:
            log.search(folder, size)
    except Refused as error:
        log.failed.append({"place": "checkpoint", "detail": str(error)})
    except OverflowError:
        pass
    found = {"ok": not log.failed, "size": size, "root": root and root.hex(), "bytes": log.bytes, "failed": log.failed}
    return {"origin": key.partition("+")[0], **found, **told}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="the log's folder, or its address")
    parser.add_argument("--key", required=True, help="the log's public key, as `glaswerk log key` prints it")
    parser.add_argument("--witness", action="append", default=[], help="the public key of a witness; repeatable")
    chosen = parser.parse_args()
    try:
        result = verify(chosen.source, chosen.key, chosen.witness)
    except Refused as refusal:
        sys.exit(f"refused: {refusal}")
    print(json.dumps(result, indent=1))
    sys.exit(0 if result["ok"] else 1)
