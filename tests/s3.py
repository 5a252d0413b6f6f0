"""The S3-compatible server that tests store into; `tests/s3_server.py` is its program."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from glaswerk.cell.config import Cell, StorageSection

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-s3" / "bin" / "python"


@dataclass(frozen=True)
class S3:
    """Where the server is, and what opens it."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str

    def at(self, endpoint: str) -> "S3":
        """Return the same by way of another address."""
        return replace(self, endpoint=endpoint)

    def section(self, **changes: object) -> StorageSection:
        """Return settings for a corner of the bucket that nobody else uses."""
        facts = {"kind": "s3", "bucket": self.bucket, "endpoint": self.endpoint, "prefix": f"p/{secrets.token_hex(8)}"}
        return StorageSection.model_validate({**facts, **changes})

    def write_key(self, cell: Cell) -> None:
        """Put the credentials where a cell reads them."""
        cell.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        (cell.keys / "s3").write_text(f"{self.access_key_id}\n{self.secret_access_key}\n")
        (cell.keys / "s3").chmod(0o600)


@contextmanager
def s3_server() -> Iterator[S3]:
    """Run the server for the length of the block."""
    if not PYTHON.exists():
        raise AssertionError("There is no .venv-s3. `./run test` makes it from requirements-s3.lock.")
    command = [str(PYTHON), str(ROOT / "tests" / "s3_server.py")]
    # The server ends when its standard input does, so also when this process is killed.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield S3(**json.loads(process.stdout.readline()))
        process.stdin.close()


def use_s3(cell: Cell, s3: S3, **changes: object) -> StorageSection:
    """Let a cell of a test keep its blobs in the server."""
    s3.write_key(cell)
    return use_storage(cell, s3.section(**changes))


def use_storage(cell: Cell, section: StorageSection) -> StorageSection:
    """Let a cell of a test have other settings of storage."""
    cell.config = cell.config.model_copy(update={"storage": section})
    return section
