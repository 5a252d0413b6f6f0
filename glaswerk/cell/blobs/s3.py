"""Blobs in a bucket of an S3-compatible store.

A bucket shows an object whole or not at all, and has made it durable when it says that it has it.  Small files are sent
in one request.  Large ones are sent in parts, and the last part is withheld until the hash of what was sent is known to
be the name: a file that changed meanwhile is given up, and the bucket never shows it.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store as Bucket

from glaswerk.cell.blobs.local import chunks, copy_checked, new_file
from glaswerk.cell.blobs.names import MEDIA, ORIGINALS, TYPES, Blob
from glaswerk.cell.blobs.store import StorageError, Stored
from glaswerk.cell.config import StorageSection

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import S3Credential

KEY_FILE: Final = "s3"
_AT_ONCE: Final = 8 << 20
_PARTS_AT_ONCE: Final = 4
_DELIVERED: Final = 256 * 1024
_FETCHED: Final = 4 << 20
_PAGE: Final = 1000
_SIZES: Final = 8192
_IMMUTABLE: Final = "max-age=31536000, immutable"
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")

# A stalled connection is given up; a long transfer that moves is not, so there is no limit on the whole of it.
_CLIENT: Final = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "24h"}
_RETRIES: Final = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=4),
        "base": 2,
    },
}


class S3Store:
    """A bucket, or what begins with a prefix in one."""

    def __init__(self, section: StorageSection, keys: Path) -> None:
        """Take the settings and the credentials; nothing is asked of the server yet.  Raises StorageError."""
        self._section = section
        credentials = read_credentials(keys)

        def provide() -> "S3Credential":
            return credentials

        # Each value is given, so that no variable of the environment that the operator did not mean slips in.
        config: Any = {
            "endpoint": section.address,
            "region": section.region,
            "virtual_hosted_style_request": not section.path_style,
            "skip_signature": False,
            # Not every store can delete many at once, and those that can delete one at a time as well.
            "disable_bulk_delete": True,
        }
        client: Any = {**_CLIENT, "allow_http": section.address.startswith("http://")}
        retries: Any = _RETRIES
        self._bucket = Bucket(
            section.bucket,
            prefix=section.prefix or None,
            config=config,
            client_options=client,
            retry_config=retries,
            credential_provider=provide,
        )
        # The size of a blob never changes.
        self._sizes: dict[Blob, int] = {}

    def put(self, source: Path | bytes, extension: str) -> Blob:
        """Store a copy of a file, or bytes, under the hash of what was stored."""
        if isinstance(source, Path) and source.stat().st_size > _AT_ONCE:
            with source.open("rb") as file:
                blob = Blob(hashlib.file_digest(file, "sha256").hexdigest(), extension)
            self._put_parts(source, blob)
            return blob
        data = source if isinstance(source, bytes) else source.read_bytes()
        blob = Blob(hashlib.sha256(data).hexdigest(), extension)
        self._put_at_once(data, blob)
        return blob

    def adopt(self, path: Path, blob: Blob) -> None:
        """Store a file whose hash is known.  Raises StorageError where it has another one."""
        if path.stat().st_size > _AT_ONCE:
            self._put_parts(path, blob)
        else:
            self._put_at_once(b"".join(_checked(blob, (path.read_bytes(),))), blob)

    def fetch(self, blob: Blob, target: Path) -> None:
        """Copy a blob to a file that is not there yet.  Raises FileNotFoundError and CorruptBlob."""
        with new_file(target) as file:
            copy_checked(blob, self._pieces(blob), file)

    def local_path(self, blob: Blob) -> Path | None:
        """Return None, because nothing lies here."""
        return None

    def stat(self, blob: Blob) -> Stored | None:
        """Return what is known of a blob, or None where there is none."""
        try:
            with self._translated():
                facts = obstore.head(self._bucket, blob.key)
        except FileNotFoundError:
            return None
        return Stored(blob, facts["size"], facts["last_modified"])

    def hash(self, blob: Blob) -> str:
        """Read a whole blob and return the SHA-256 of its bytes.  Raises FileNotFoundError."""
        digest = hashlib.sha256()
        for piece in self._pieces(blob):
            digest.update(piece)
        return digest.hexdigest()

    def delete(self, blobs: Iterable[Blob]) -> None:
        """Remove blobs; nothing happens for those that are not there."""
        keys = [blob.key for blob in blobs]
        for start in range(0, len(keys), _PAGE):
            with self._translated():
                obstore.delete(self._bucket, keys[start : start + _PAGE])

    def pages(self) -> Iterator[list[Stored]]:
        """Yield all blobs, as many at a time as a store lists at once."""
        for room in (MEDIA, ORIGINALS):
            with self._translated():
                for page in obstore.list(self._bucket, prefix=room, chunk_size=_PAGE):
                    found = ((Blob.of_key(facts["path"]), facts) for facts in page)
                    yield [Stored(blob, facts["size"], facts["last_modified"]) for blob, facts in found if blob]

    def sweep(self, older_than_seconds: float) -> int:
        """Return 0: a bucket shows no half-made object, and its own rules drop parts that nobody finished."""
        return 0

    async def open(self, blob: Blob) -> "_OpenObject":
        """Open a blob for delivery.  Raises FileNotFoundError."""
        size = self._sizes.get(blob)
        if size is None:
            with self._translated():
                size = (await obstore.head_async(self._bucket, blob.key))["size"]
            if len(self._sizes) >= _SIZES:
                self._sizes.clear()
            self._sizes[blob] = size
        return _OpenObject(self, blob, size)

    async def read(self, blob: Blob, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from `first` to `last` of a blob, piece by piece; see `OpenBlob.read`."""
        try:
            with self._translated():
                answer = await obstore.get_async(self._bucket, blob.key, options={"range": (first, last + 1)})
        except FileNotFoundError:
            self._sizes.pop(blob, None)
            raise
        return self._delivered(answer)

    async def _delivered(self, answer: "GetResult") -> AsyncGenerator[bytes, None]:
        with self._translated():
            async for piece in answer.stream(min_chunk_size=_DELIVERED):
                yield bytes(piece)

    async def direct_address(self, blob: Blob, seconds: int) -> str | None:
        """Return an address at which the store itself serves a blob for so many seconds."""
        with self._translated():
            return await obstore.sign_async(self._bucket, "GET", blob.key, timedelta(seconds=seconds))

    def try_out(self) -> None:
        """Store, read and remove an object.  Raises StorageError, whose sentence says what to do."""
        key, data = f"try/{secrets.token_hex(8)}", b"try"
        with self._translated():
            obstore.put(self._bucket, key, data, use_multipart=False)
            seen = bytes(obstore.get(self._bucket, key).bytes())
            obstore.delete(self._bucket, key)
        if seen != data:
            raise StorageError(f"{self._section.address} gives back other bytes than it was given. Use another store.")

    def _put_at_once(self, data: bytes, blob: Blob) -> None:
        with self._translated():
            obstore.put(self._bucket, blob.key, data, attributes=_attributes(blob), use_multipart=False)

    def _put_parts(self, source: Path, blob: Blob) -> None:
        with source.open("rb") as file, self._translated():
            obstore.put(
                self._bucket,
                blob.key,
                _checked(blob, chunks(file)),
                attributes=_attributes(blob),
                use_multipart=True,
                chunk_size=_AT_ONCE,
                max_concurrency=_PARTS_AT_ONCE,
            )

    def _pieces(self, blob: Blob) -> Iterator[bytes]:
        with self._translated():
            for piece in obstore.get(self._bucket, blob.key).stream(min_chunk_size=_FETCHED):
                yield bytes(piece)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the library raises into a StorageError that says what to do, or into FileNotFoundError."""
        where = f"bucket {self._section.bucket!r} at {self._section.address}"
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StorageError(f"There is no {where}. Create it, or set storage.bucket.") from None
            raise FileNotFoundError(2, "there is no such blob") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StorageError(
                f"The {where} refuses these credentials ({_reason(error)}). Check keys/{KEY_FILE}, storage.region and "
                "what the key may do: list, get, put and delete."
            ) from None
        except BaseError as error:
            raise StorageError(
                f"The {where} cannot be used now ({_reason(error)}). Check storage.endpoint, the network and the server."
            ) from None


class _OpenObject:
    """An object that is being delivered."""

    def __init__(self, store: S3Store, blob: Blob, size: int) -> None:
        self._store = store
        self._blob = blob
        self.size = size

    async def read(self, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from `first` to `last`, piece by piece."""
        return await self._store.read(self._blob, first, last)

    async def close(self) -> None:
        """Do nothing: each reading has a request of its own."""


def read_credentials(keys: Path) -> "S3Credential":
    """Return the credentials from the key folder, else from the standard variables of AWS.  Raises StorageError.

    The file is JSON, `{"access_key_id": …, "secret_access_key": …}` with an optional `session_token`, or has the two
    values on a line each.
    """
    path = keys / KEY_FILE
    remedy = f"Write the access key's id and the secret key into {path}, a line each, and chmod 600 it."
    if path.exists():
        found = _parse_credentials(path.read_text(encoding="utf-8", errors="replace"))
    else:
        variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        found = tuple(os.environ.get(name, "") for name in variables)
        if not any(found):
            raise StorageError(f"There are no credentials for the S3 store. {remedy}")
    key_id, secret, token = found
    if not key_id or not secret:
        raise StorageError(f"The credentials for the S3 store are not whole. {remedy}")
    return {"access_key_id": key_id, "secret_access_key": secret, "token": token or None, "expires_at": None}


def _parse_credentials(text: str) -> tuple[str, ...]:
    if text.lstrip().startswith("{"):
        try:
            values: Any = json.loads(text)
        except ValueError:
            return "", "", ""
        names = ("access_key_id", "secret_access_key", "session_token")
        return tuple(value if isinstance(value := values.get(name, ""), str) else "" for name in names)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (*lines, "") if len(lines) == 2 else ("", "", "")


def _attributes(blob: Blob) -> dict[str, str]:
    """Return what the store says of a blob where it serves it itself; an original it never serves."""
    kind = TYPES.get(blob.extension, "application/octet-stream")
    return {"Content-Type": kind, "Cache-Control": _IMMUTABLE if blob.extension else "no-store"}


def _checked(blob: Blob, data: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is sent, and the last piece only where all of it together has the hash that is its name."""
    digest = hashlib.sha256()
    held = b""
    for piece in data:
        if held:
            yield held
        digest.update(piece)
        held = piece
    if digest.hexdigest() != blob.sha:
        raise StorageError("The file changed while it was stored. Store it again.")
    yield held


def _reason(error: Exception) -> str:
    """Return why a request failed, in a word; the library's own text holds whole answers."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code or status:
        return " ".join(match[1] for match in (status, code) if match)
    return "it does not answer"
