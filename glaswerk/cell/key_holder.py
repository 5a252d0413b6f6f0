"""Who holds the key under which everybody's own keys are wrapped.

A key holder is small, so that it can be something else than files of this machine: a hardware module, or the key service
of a cloud.  What it must keep is one promise: what was destroyed is never unwrapped again, whatever backup of the
database is put back.  Therefore a wrapped key alone is not enough to unwrap it; the holder keeps a share of each owner's
wrapping key to itself, and destroying is forgetting that share.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keys import read_or_make_key
from glaswerk.tlog import LogError, Policy, TlogProof

# However much somebody asks for, what an entry allows ends after this.
LONGEST_ACCESS: Final = timedelta(hours=8)

_FORMAT: Final = b"\x01"
_NONCE: Final = 12
_SHARE: Final = 32


class KeyDestroyed(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The owner's key is gone for ever, and whatever was encrypted with it is noise."""


class KeyLost(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The key folder and the database do not belong together; restore both from one backup."""


class NoWarrant(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Staff may not read this: the public log does not have an entry that says so, of this person, by them, for now."""


@dataclass(frozen=True, slots=True)
class Warrant:
    """What staff show to read about somebody: an entry of the log, the proof that it is in it, and what they want to read.

    `by` is who shows it, by their pseudonym.
    """

    entry: bytes
    proof: bytes
    by: str
    scope: str


class KeyHolder(Protocol):
    """Wraps the secrets of owners, each named by a number: a data key, and behind it the salt of their pseudonym."""

    def wrap(self, owner: int, secret: bytes) -> bytes:
        """Return the secret in a form that only `unwrap` can read.  Raises KeyDestroyed."""

    def unwrap(self, owner: int, wrapped: bytes) -> bytes:
        """Return the secret again.  Raises KeyDestroyed and KeyLost."""

    def unwrap_for(self, owner: int, wrapped: bytes, warrant: Warrant) -> bytes:
        """Return the secret to staff.  Raises NoWarrant for whom the public log does not vouch, and as `unwrap` does."""

    def destroy(self, owner: int) -> None:
        """Forget an owner's share for ever; afterwards there is nothing to be wrapped or unwrapped.  Safe to run again."""

    def holds(self, owner: int) -> bool:
        """Whether `unwrap` would still answer; asked for every use of a key that was unwrapped before."""


class LocalKeyHolder:
    """Keeps the shares as files in the key folder: 32 random bytes an owner, none where the key was destroyed.

    Back up the key folder apart from the database, and not for longer than destroyed keys may live.
    """

    def __init__(self, keys: Path, log: Callable[[], Policy] | None = None) -> None:
        """Hold the keys of this key folder; the cell's own key is made the first time.

        `log`: whose word counts about the public log; without it nobody has a warrant.
        """
        self._keys = keys
        self._log = log
        self._shares = keys / "people"

    def wrap(self, owner: int, secret: bytes) -> bytes:
        """Return format, nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return _FORMAT + nonce + self._cipher(owner, self._share(owner)).encrypt(nonce, secret, _name(owner))

    def unwrap(self, owner: int, wrapped: bytes) -> bytes:
        """Return the secret again."""
        try:
            share = self._path(owner).read_bytes()
        except FileNotFoundError:
            raise KeyLost(f"the key folder has nothing for the owner {owner_name(owner)}") from None
        if not share:
            raise KeyDestroyed(f"the key of {owner_name(owner)} was destroyed")
        try:
            if wrapped[:1] != _FORMAT or len(share) != _SHARE:
                raise InvalidTag
            nonce = wrapped[1 : 1 + _NONCE]
            return self._cipher(owner, share).decrypt(nonce, wrapped[1 + _NONCE :], _name(owner))
        except (InvalidTag, ValueError):
            raise KeyLost(f"the key folder does not fit the wrapped key of {owner_name(owner)}") from None

    def unwrap_for(self, owner: int, wrapped: bytes, warrant: Warrant) -> bytes:
        """Return the secret to staff, if the entry is in the log and says that they may read this of this owner now."""
        secret = self.unwrap(owner, wrapped)
        try:
            entry = Entry.parse(warrant.entry)
            if self._log is None:
                raise NoWarrant("this key holder knows no log")
            TlogProof.parse(warrant.proof).verify(warrant.entry, self._log())
        except (ValueError, LogError) as error:
            raise NoWarrant(f"the proof does not hold: {error}") from None
        if entry.kind is not EntryKind.ACCESS:
            raise NoWarrant(f"an entry {entry.kind.value} lets nobody read")
        facts, now = entry.facts, datetime.now(UTC)
        if facts["person"] != pseudonym_with(secret[_SHARE:], owner):
            raise NoWarrant("the entry is about somebody else")
        if facts["by"] != warrant.by:
            raise NoWarrant("the entry is somebody else's")
        if warrant.scope not in cast("list[str]", facts["scope"]):
            raise NoWarrant("the entry is about other data")
        until = datetime.fromisoformat(str(facts["until"]))
        if not entry.at <= now < until or until - entry.at > LONGEST_ACCESS:
            raise NoWarrant("the time that the entry gives is over")
        return secret

    def destroy(self, owner: int) -> None:
        """Overwrite the share, and leave an empty file that says so."""
        path = self._path(owner)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size:
                os.write(descriptor, secrets.token_bytes(_SHARE))
                os.fsync(descriptor)
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync(path.parent)

    def holds(self, owner: int) -> bool:
        """Whether the owner's share is there."""
        try:
            return self._path(owner).stat().st_size == _SHARE
        except FileNotFoundError:
            return False

    def _share(self, owner: int) -> bytes:
        """The owner's share, made the first time; of two who make it at once the second reads the first's."""
        path = self._path(owner)
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, secrets.token_bytes(_SHARE))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            try:
                with suppress(FileExistsError):
                    os.link(fresh, path)
            finally:
                fresh.unlink()
            # Nothing may be encrypted under a key that a power failure would take away.
            for folder in (path.parent, self._shares, self._keys):
                _sync(folder)
        share = path.read_bytes()
        if not share:
            raise KeyDestroyed(f"the key of {owner_name(owner)} was destroyed")
        return share

    def _path(self, owner: int) -> Path:
        # The last characters of an id are random, so the files spread over a thousand folders.
        name = owner_name(owner)
        return self._shares / name[-2:] / name

    def _cipher(self, owner: int, share: bytes) -> AESGCM:
        own = bytes.fromhex(read_or_make_key(self._keys, "people.key"))
        return AESGCM(HKDF(SHA256(), 32, salt=share, info=b"glaswerk/wrap/" + _name(owner)).derive(own))


def pseudonym_with(salt: bytes, owner: int) -> str:
    """How an owner with this salt appears in the public log: HMAC-SHA256(salt, id)."""
    return hmac.digest(salt, _name(owner), "sha256").hex()


def owner_name(owner: int) -> str:
    """How an owner is written: a person's id, or `g` and the number of a guest, which is negative."""
    return encode_id(owner) if owner >= 0 else f"g{encode_id(-owner)}"


def _name(owner: int) -> bytes:
    return owner_name(owner).encode()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
