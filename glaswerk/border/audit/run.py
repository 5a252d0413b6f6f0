"""One audit: live, gather, search, remove, gather and search again."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from glaswerk.border.audit.canaries import AuditFailed, Canaries
from glaswerk.border.audit.leaving import Left, gather, look_before
from glaswerk.border.audit.life import Lived, live, video_id
from glaswerk.border.audit.removing import remove
from glaswerk.border.models import Change, Spoken
from glaswerk.canary import Detector
from glaswerk.cell.config import Cell
from glaswerk.cell.tap import TapBusy, listening
from glaswerk.shop.models import Delivery, DeliveryState

# How long other cells may have to wait for what is said to them.
_PATIENCE_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A canary that left: which one, where it was, in which spelling and behind which wrappings."""

    canary: str
    channel: str
    name: str
    spelling: str

    def as_dict(self) -> dict[str, str]:
        """The finding for a file."""
        return {"canary": self.canary, "channel": self.channel, "name": self.name, "spelling": self.spelling}


@dataclass
class Report:
    """What an audit came to."""

    private: list[str]
    public: list[str]
    findings: set[Finding] = field(default_factory=set)
    # Where each public canary was seen.
    seen: dict[str, set[str]] = field(default_factory=dict)
    pieces: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    unopened: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def missed(self) -> list[str]:
        """The controls that were not seen: where something public does not leave, that nothing private does says nothing."""
        return [label for label in self.public if label not in self.seen]

    @property
    def passes(self) -> bool:
        """Whether nothing was found, every control was seen and everything could be opened."""
        return not self.findings and not self.missed and not self.unopened

    def as_dict(self) -> dict[str, Any]:
        """The report for a file."""
        return {
            "passes": self.passes,
            "canaries": len(self.private),
            "found": len({one.canary for one in self.findings}),
            "controls": len(self.public),
            "controls_seen": len(self.public) - len(self.missed),
            "findings": [one.as_dict() for one in sorted(self.findings)],
            "controls_missed": self.missed,
            "canary_names": self.private,
            "control_names": {label: sorted(self.seen.get(label, ())) for label in self.public},
            "channels": {name: {"pieces": self.pieces[name], "bytes": self.sizes[name]} for name in self.pieces},
            "unopened": sorted(self.unopened),
            "skipped": self.skipped,
            "erased": self.erased,
            "waiting": self.waiting,
        }


def audit(cell: Cell, say: Say) -> Report:
    """Do the canary test on a running cell.  Raises AuditFailed; whatever comes, the people of the audit are erased."""
    canaries, lived = Canaries(), Lived()
    before = look_before(cell)
    try:
        with listening(cell) as sent:
            # Whoever was left by an audit that was killed.
            remove(cell)
            try:
                live(cell, canaries, lived, say)
                say("what is said to other cells gets into the public log")
                _wait_said(lived)
                report = Report(
                    [one.label for one in canaries.of_public(False)], [one.label for one in canaries.of_public(True)]
                )
                detector = Detector(canaries.needles())
                say("everything that leaves is gathered and searched")
                _search(gather(cell, before, lived, sent), detector, canaries, lived, report)
            finally:
                say("the people of the audit are erased")
                erased, waiting = remove(cell)
            # Their going is told to others as well, and may not say more than that they went.
            _search(gather(cell, before, lived, sent), detector, canaries, lived, report, is_over=True)
    except TapBusy as busy:
        raise AuditFailed(str(busy)) from None
    report.skipped, report.erased, report.waiting = lived.skipped, erased, waiting
    return report


def _wait_said(lived: Lived) -> None:
    """Wait until other cells are told of the public video, and merchants' programs of the order; what fails is tried once."""
    deadline, item = time.monotonic() + _PATIENCE_S, video_id(lived)
    while time.monotonic() < deadline:
        is_said = Spoken.objects.filter(
            about="video", item=item, withdrawn_at=None, record__index__isnull=False
        ).exists()
        waiting = Delivery.objects.filter(reference__in=lived.orders, state=DeliveryState.WAITING, tries=0)
        if is_said and not Change.objects.exists() and not waiting.filter(endpoint__is_active=True).exists():
            return
        time.sleep(_LOOK_EVERY_S)


def _search(
    pieces: Iterable[Left],
    detector: Detector,
    canaries: Canaries,
    lived: Lived,
    report: Report,
    *,
    is_over: bool = False,
) -> None:
    private = {one.label for one in canaries.of_public(False)}
    for piece in pieces:
        if not is_over:
            report.pieces[piece.channel] += 1
            report.sizes[piece.channel] += len(piece.data)
        search = detector.search(piece.data)
        report.unopened |= {f"{piece.channel}, {piece.name}: {one}" for one in search.unopened}
        # What is searched beside its name: a file's name leaves with it.
        for found in (*search.found, *detector.search(piece.name.encode()).found):
            if found.label not in private:
                if not is_over:
                    report.seen.setdefault(found.label, set()).add(piece.channel)
            elif not piece.to or not piece.to <= lived.addresses.get(canaries.owner_of(found.label), set()):
                how = " in ".join((found.spelling, *reversed(found.within)))
                report.findings.add(Finding(found.label, piece.channel, piece.name, how))
