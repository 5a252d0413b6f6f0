"""Secrets of the cell: one file a secret, in the key folder, readable by the cell's user alone."""

import os
import secrets
from pathlib import Path


def read_or_make_key(folder: Path, name: str) -> str:
    """Return the secret `name` from the key folder; make it from 256 random bits the first time.

    Two processes may ask at once: the file appears whole through a link, and whoever comes second reads the first's.
    """
    path = folder / name
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
