"""The embedded NATS server with JetStream: its configuration, its command line and its address."""

import random
import socket
import sys
from pathlib import Path

from glaswerk.cell.config import Cell
from glaswerk.cell.keys import read_or_make_key

_PORTS = (14_300, 24_300)
_CONFIG = """\
host: 127.0.0.1
port: {port}
server_name: glaswerk
max_payload: 8MB
authorization {{ token: $GLASWERK_NATS_TOKEN }}
jetstream {{
  store_dir: "{store}"
  # The default syncs every two minutes; an acknowledged event must survive a power failure.
  sync_interval: always
  max_memory_store: 64MB
}}
"""


def binary() -> Path:
    """Return the path of the server that the wheel installed beside Python."""
    return Path(sys.executable).parent / "nats-server"


def token(cell: Cell) -> str:
    """Return the token that guards the embedded server; the letter keeps the server from reading it as a number."""
    return "t" + read_or_make_key(cell.keys, "nats")


def _port_file(cell: Cell) -> Path:
    return cell.run / "nats.port"


def nats_url(cell: Cell) -> str:
    """Return the address of the event log's server.  Raises FileNotFoundError before its first start."""
    return cell.external_nats_url or f"nats://127.0.0.1:{_port_file(cell).read_text().strip()}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # The server itself binds with SO_REUSEADDR, so connections that linger after a stop do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def prepare(cell: Cell) -> None:
    """Write the configuration, and choose a free port that stays the cell's own for as long as nobody takes it."""
    cell.nats.mkdir(parents=True, exist_ok=True)
    file = _port_file(cell)
    port = int(file.read_text()) if file.exists() else 0
    if not port or not _is_free(port):
        # Below the range that systems give to outgoing connections, so that none takes it while the server restarts.
        port = next(port for port in random.sample(range(*_PORTS), len(range(*_PORTS))) if _is_free(port))
        file.write_text(str(port))
    (cell.nats / "nats.conf").write_text(_CONFIG.format(port=port, store=cell.nats / "store"))


def command(cell: Cell) -> list[str]:
    """Return the command line of the server, in the foreground."""
    return [str(binary()), "-c", str(cell.nats / "nats.conf")]


def environment(cell: Cell) -> dict[str, str]:
    """Return what the server's environment needs: the token, which so stands in no file but its key."""
    return {"GLASWERK_NATS_TOKEN": token(cell)}


def is_ready(cell: Cell) -> bool:
    """Whether the server greets (a NATS server speaks first, with an INFO line)."""
    try:
        port = int(_port_file(cell).read_text())
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(5) == b"INFO "
    except (OSError, ValueError):
        return False
