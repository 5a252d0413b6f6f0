"""What a client believes of a log over time, in the manner of The Update Framework's trusted metadata."""

from collections.abc import Callable, Sequence

from glaswerk.tlog.checkpoint import PATH, Checkpoint, Policy, SignedCheckpoint, open_checkpoint
from glaswerk.tlog.errors import LogError, Reason
from glaswerk.tlog.merkle import check_consistency, check_inclusion, leaf_hash
from glaswerk.tlog.note import LONGEST_NOTE
from glaswerk.tlog.reader import Fetch, LogReader

Prove = Callable[[Checkpoint, Checkpoint], Sequence[bytes]]
"""Returns the consistency proof from the first checkpoint to the second."""


class TrustedLog:
    """A state machine over the last checkpoint that was accepted; it reads no file, no network and no clock.

    Rules, in this order; whatever is refused leaves the state as it was:

    1. A checkpoint is signed by the log's key, is of its origin, and has the policy's quorum of witnesses.
    2. It is no older than the policy allows, by the witnesses' times (`stale`).
    3. It has at least as many entries as the last one (`rollback`).
    4. With as many entries it has the same root (`fork`).
    5. With more, a proof shows that the log begins with the last one (`fork`).

    The first checkpoint is trusted as it comes, unless `trusted` brings the bytes of one that an earlier run accepted.
    Those must satisfy rule 1 still, but not rule 2: they are memory, not news.
    """

    def __init__(self, policy: Policy, trusted: bytes | None = None) -> None:
        """Raises LogError where `trusted` is no checkpoint of this log."""
        self.policy = policy
        self._last: SignedCheckpoint | None = None
        if trusted is not None:
            timeless = Policy(policy.key, policy.witnesses, policy.quorum)
            self._last = open_checkpoint(trusted, timeless)

    @property
    def last(self) -> SignedCheckpoint | None:
        """The checkpoint that was accepted last; its `note` is what to keep for the next run."""
        return self._last

    def update(self, data: bytes, prove: Prove, now: float | None = None) -> bool:
        """Accept the bytes of a checkpoint, and return whether the log has grown. Raises LogError. `now`: POSIX seconds."""
        signed = open_checkpoint(data, self.policy, now)
        new, old = signed.checkpoint, None if self._last is None else self._last.checkpoint
        if old is not None:
            if new.size < old.size:
                raise LogError(Reason.ROLLBACK, f"the log had {old.size} entries and now shows {new.size}")
            if new.size == old.size and new.root != old.root:
                raise LogError(Reason.FORK, f"the log shows two roots for {new.size} entries")
            if new.size > old.size:
                self._check_growth(old, new, prove)
        self._last = signed
        return old is None or new.size > old.size

    def check_entry(self, index: int, entry: bytes, proof: Sequence[bytes]) -> None:
        """Return when this is entry `index` of the accepted log. Raises LogError otherwise."""
        if self._last is None:
            raise LogError(Reason.MISSING, "no checkpoint has been accepted yet")
        checkpoint = self._last.checkpoint
        check_inclusion(index, checkpoint.size, leaf_hash(entry), proof, checkpoint.root)

    def _check_growth(self, old: Checkpoint, new: Checkpoint, prove: Prove) -> None:
        try:
            check_consistency(old.size, new.size, old.root, new.root, prove(old, new))
        except LogError as error:
            # A log that cannot show how it grew is treated as one that did not grow; what cannot be fetched says so itself.
            if error.reason in (Reason.PROOF, Reason.MALFORMED):
                raise LogError(
                    Reason.FORK, f"the log of {new.size} entries does not begin with that of {old.size}"
                ) from error
            raise


def follow(trusted: TrustedLog, fetch: Fetch, now: float | None = None) -> bool:
    """Fetch the log's checkpoint and what proves its growth, and update. Returns whether it has grown. Raises LogError."""
    return trusted.update(fetch(PATH, LONGEST_NOTE), lambda old, new: LogReader(fetch, new).consistency(old), now)
