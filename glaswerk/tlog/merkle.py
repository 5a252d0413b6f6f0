"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162 (section 2.1), over SHA-256.

Lists of hashes are one `bytes` of 32 bytes each, so that a tile is hashed without an object a node. A tree whose number
of leaves is no power of two is the same tree that arises when each level is paired off from the left and a last hash
without a neighbour is carried up; `root_of` relies on that.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from glaswerk.tlog.errors import LogError, Reason

HASH_SIZE: Final = 32
MAX_SIZE: Final = (1 << 63) - 1
EMPTY_ROOT: Final = sha256(b"").digest()

Ranged = Callable[[int, int], bytes]
"""The root of the entries from the first number up to the second, where the tree has such a node."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def leaf_hashes(entries: Iterable[bytes]) -> bytes:
    """The hashes of entries as leaves, one behind another."""
    return b"".join([sha256(b"\x00" + entry).digest() for entry in entries])


def root_of(hashes: bytes) -> bytes:
    """The root over nodes of one height, the last of which may be the root of a smaller subtree. No hashes: the empty tree."""
    if not hashes:
        return EMPTY_ROOT
    while (size := len(hashes)) > HASH_SIZE:
        pairs = size & ~63
        parents = [sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, pairs, 64)]
        parents.append(hashes[pairs:])
        hashes = b"".join(parents)
    return hashes


def inclusion_proof(index: int, size: int, root: Ranged) -> tuple[bytes, ...]:
    """The path of RFC 6962, section 2.1.1, from the leaf's sibling up. Raises LogError where the tree has no such entry."""
    check_size(size)
    if not 0 <= index < size:
        raise LogError(Reason.OUT_OF_RANGE, f"a log of {size} entries has no entry {index}")
    path = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return tuple(root(*node) for node in reversed(path))


def consistency_proof(old: int, new: int, root: Ranged) -> tuple[bytes, ...]:
    """The proof of RFC 6962, section 2.1.2. From the empty tree, and between equal sizes, it is empty. Raises LogError."""
    check_size(new)
    if not 0 <= old <= new:
        raise LogError(Reason.OUT_OF_RANGE, f"a log of {new} entries was never one of {old}")
    if old in (0, new):
        return ()
    nodes = []
    low, high = 0, new
    # The first node is left out where it is the whole old tree, whose root the verifier knows.
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            nodes.append((middle, high))
            high = middle
        else:
            nodes.append((low, middle))
            low = middle
    if low > 0:
        nodes.append((low, high))
    return tuple(root(*node) for node in reversed(nodes))


def check_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Return when the leaf is entry `index` of the tree (RFC 9162, section 2.1.3.2). Raises LogError otherwise."""
    check_size(size)
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise LogError(Reason.PROOF, f"a log of {size} entries has no entry {index}")
    at, last, made = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise LogError(Reason.PROOF, "the inclusion proof is too long")
        if at & 1 or at == last:
            made = node_hash(step, made)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            made = node_hash(made, step)
        at >>= 1
        last >>= 1
    if last != 0:
        raise LogError(Reason.PROOF, "the inclusion proof is too short")
    if made != root:
        raise LogError(Reason.PROOF, f"the inclusion proof of entry {index} does not lead to the root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return when the tree of `new` entries begins with that of `old` (RFC 9162, section 2.1.4.2). Raises LogError otherwise.

    Every tree begins with the empty one, whose root must be that of RFC 6962 and whose proof is empty.
    """
    check_size(old)
    check_size(new)
    _check_hashes((old_root, new_root, *proof))
    if old > new:
        raise LogError(Reason.PROOF, f"a log of {new} entries was never one of {old}")
    if old in (0, new):
        if proof:
            raise LogError(Reason.PROOF, "the consistency proof should be empty")
        if old == new and old_root != new_root:
            raise LogError(Reason.PROOF, f"two roots for one log of {old} entries")
        if old == 0 and old_root != EMPTY_ROOT:
            raise LogError(Reason.PROOF, "this is not the root of the empty log")
        return
    if not proof:
        raise LogError(Reason.PROOF, "the consistency proof is empty")
    # The old tree is itself a node of the new one where its size is a power of two, and is then left out of the proof.
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    made_old = made_new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise LogError(Reason.PROOF, "the consistency proof is too long")
        if at & 1 or at == last:
            made_old, made_new = node_hash(step, made_old), node_hash(step, made_new)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            made_new = node_hash(made_new, step)
        at >>= 1
        last >>= 1
    if last != 0:
        raise LogError(Reason.PROOF, "the consistency proof is too short")
    if made_old != old_root or made_new != new_root:
        raise LogError(Reason.PROOF, f"the log of {new} entries does not begin with that of {old}")


def check_size(size: int) -> None:
    """Return when a log can have this many entries. Raises LogError otherwise."""
    if not 0 <= size <= MAX_SIZE:
        raise LogError(Reason.OUT_OF_RANGE, f"a log has from 0 to 2^63-1 entries, not {size}")


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise LogError(Reason.MALFORMED, f"a hash has {HASH_SIZE} bytes")
