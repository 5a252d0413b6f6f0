"""Verifying a whole log: every entry is hashed again, every tile compared, and the root with what was signed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from glaswerk.tlog.checkpoint import WITNESSED, Policy, SignedCheckpoint, open_checkpoint
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import EMPTY_ROOT, root_of
from glaswerk.tlog.note import LONGEST_NOTE
from glaswerk.tlog.reader import Fetch, LogReader, beginning, fetch_tile, folder_fetch, read_checkpoint
from glaswerk.tlog.tiles import ENTRIES, TILE_BYTES, WIDTH, Tile, bundle_hashes, levels_of, tiles_of, width_in

MOST_FAULTS: Final = 100
MOST_ENTRIES: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file. `place`: its path below the log's address."""

    place: str
    reason: Reason
    detail: str


@dataclass(slots=True)
class Report:
    """What a verification found. `size`, `root`: as the checkpoint says, if it could be read. `bytes`: of all entries with their lengths.

    `cosigned`: the witnesses and their times, of the first `witnessed` entries.
    """

    origin: str
    size: int | None = None
    root: bytes | None = None
    bytes: int = 0
    cosigned: tuple[tuple[str, int], ...] = ()
    witnessed: int | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "origin": self.origin,
            "ok": self.ok,
            "size": self.size,
            "root": None if self.root is None else self.root.hex(),
            "bytes": self.bytes,
            "cosigned": [{"witness": name, "time": time} for name, time in self.cosigned],
            "witnessed": self.witnessed,
            "failed": [{"place": one.place, "reason": one.reason.value, "detail": one.detail} for one in self.faults],
        }


def verify(
    source: Path | Fetch,
    policy: Policy,
    *,
    now: float | None = None,
    most_entries: int = MOST_ENTRIES,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Hash a log again from its entries up. What is wrong is in the report, at most 100 faults; nothing is raised.

    A folder is also searched for files that do not belong to the log. Tiles beyond the checkpoint are the writer's
    business and ignored. `progress` is told how many entries are done. A log that grows is ahead of its witnesses, so
    they are believed too where they have cosigned an earlier checkpoint that this one begins with.
    """
    report = Report(policy.key.name)
    fetch = folder_fetch(source) if isinstance(source, Path) else source
    try:
        signed = read_checkpoint(fetch, Policy(policy.key, policy.witnesses))
        report.size, report.root = signed.checkpoint.size, signed.checkpoint.root
        seen = _seen(fetch, signed, policy, now)
        report.cosigned, report.witnessed = seen.cosigned, seen.checkpoint.size if seen.cosigned else None
        if report.size > most_entries:
            raise LogError(Reason.TOO_LARGE, f"the log claims {report.size} entries; say so if that many are expected")
    except LogError as error:
        report.faults.append(Fault("checkpoint", error.reason, error.detail))
        return report
    _Run(fetch, report.size, report, progress).compare(source)
    return report


def _seen(fetch: Fetch, signed: SignedCheckpoint, policy: Policy, now: float | None) -> SignedCheckpoint:
    """What the witnesses have cosigned: the checkpoint itself, or else the last one that they had. Raises LogError."""
    lacking: LogError | None = None
    try:
        open_checkpoint(signed.note, policy, now)
        if signed.cosigned or not policy.witnesses:
            return signed
    except LogError as error:
        lacking = error
    try:
        seen = open_checkpoint(fetch(WITNESSED, LONGEST_NOTE), policy, now)
    except LogError as error:
        if lacking is not None:
            raise lacking from None
        if error.reason is Reason.MISSING:
            return signed
        raise
    # It was read later, so either may be the newer one.
    older, newer = sorted((seen.checkpoint, signed.checkpoint), key=lambda one: one.size)
    if older.size:
        LogReader(fetch, newer).consistency(older)
    return seen


class _TooManyError(Exception):
    """So much is wrong that the rest says nothing new."""


class _Run:
    def __init__(self, fetch: Fetch, size: int, report: Report, progress: Callable[[int], None] | None) -> None:
        self._fetch = fetch
        self._size = size
        self._report = report
        self._progress = progress

    def compare(self, source: Path | Fetch) -> None:
        """Hash the log, compare the root, and search a folder for what does not belong to it."""
        try:
            if self._root() != self._report.root:
                self._fault(
                    "checkpoint", LogError(Reason.MISMATCH, "the entries do not lead to the root that was signed")
                )
            if isinstance(source, Path):
                self._search(source)
        except _TooManyError:
            pass

    def _root(self) -> bytes:
        """The root that the entries lead to."""
        hashes = b""
        # What is left over on the right below the level: the root of a subtree that is not full.
        carried = b""
        for level in range(levels_of(self._size)):
            above, rest = [], b""
            for tile in tiles_of(self._size, level):
                if level == 0:
                    made = self._leaves(tile)
                else:
                    at = tile.index * TILE_BYTES
                    made = self._compared(tile, hashes[at : at + tile.most_bytes])
                if tile.width == WIDTH:
                    above.append(root_of(made))
                else:
                    rest = made
            if rest or carried:
                carried = root_of(rest + carried)
            hashes = b"".join(above)
        return carried or EMPTY_ROOT

    def _leaves(self, tile: Tile) -> bytes:
        """The hashes of a bundle's entries. The hash tile stands in for a bundle that cannot be read."""
        bundle = Tile(ENTRIES, tile.index, tile.width)
        made = bytes(tile.most_bytes)
        try:
            data = fetch_tile(self._fetch, bundle)
            made = bundle_hashes(data, bundle.width)
        except LogError as error:
            self._fault(bundle.path, error)
            try:
                return fetch_tile(self._fetch, tile)
            except LogError as missing:
                self._fault(tile.path, missing)
                return made
        self._report.bytes += len(data)
        if self._progress is not None:
            self._progress(tile.start + tile.width)
        return self._compared(tile, made)

    def _compared(self, tile: Tile, made: bytes) -> bytes:
        """Compare the file of a hash tile with the hashes that were made, and return those."""
        try:
            said = fetch_tile(self._fetch, tile)
        except LogError as error:
            self._fault(tile.path, error)
            return made
        if said != made:
            at = next(at for at in range(tile.width) if said[32 * at : 32 * at + 32] != made[32 * at : 32 * at + 32])
            what = f"entry {tile.start + at}" if tile.level == 0 else f"its hash {at}"
            self._fault(tile.path, LogError(Reason.MISMATCH, f"{what} has another hash than what lies below it"))
        return made

    def _search(self, folder: Path) -> None:
        """Find files of tiles that no log has, and older partial tiles that their successors do not begin with."""
        for path in sorted(one for one in (folder / "tile").rglob("*") if one.is_symlink() or not one.is_dir()):
            place = path.relative_to(folder).as_posix()
            try:
                tile = Tile.parse(place)
                width = width_in(self._size, tile.level, tile.index)
                if tile.width < width:
                    now = fetch_tile(self._fetch, Tile(tile.level, tile.index, width))
                    if self._fetch(place, tile.most_bytes) != beginning(now, tile):
                        raise LogError(Reason.MISMATCH, "its successor does not begin with it")
            except LogError as error:
                self._fault(place, error)

    def _fault(self, place: str, error: LogError) -> None:
        self._report.faults.append(Fault(place, error.reason, error.detail))
        if len(self._report.faults) >= MOST_FAULTS:
            raise _TooManyError
