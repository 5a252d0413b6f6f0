"""Roots and proofs against the tree as the RFC writes it, and every way in which a proof can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.tlog import LogError, Reason
from glaswerk.tlog.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    root_of,
)

from . import naive

# The inputs of Certificate Transparency's own tests, and the roots that every implementation of RFC 6962 gives.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
ENTRIES = naive.numbered(70)


def ranged(low: int, high: int) -> bytes:
    return naive.root(ENTRIES[low:high])


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert root_of(leaf_hashes(INPUTS[:size])).hex() == ROOTS[size] == naive.root(INPUTS[:size]).hex()


@given(st.lists(st.binary(max_size=9), max_size=70))
def test_the_root_is_that_of_the_recursion(entries: list[bytes]) -> None:
    assert root_of(leaf_hashes(entries)) == naive.root(entries)


@given(st.data())
def test_an_inclusion_proof_is_that_of_the_recursion_and_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(ENTRIES)))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, ranged)
    assert proof == naive.path(index, ENTRIES[:size])
    check_inclusion(index, size, leaf_hash(ENTRIES[index]), proof, naive.root(ENTRIES[:size]))


@given(st.data())
def test_a_consistency_proof_is_that_of_the_recursion_and_holds(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, len(ENTRIES)))
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, ranged)
    assert proof == naive.growth(old, ENTRIES[:new])
    check_consistency(old, new, naive.root(ENTRIES[:old]), naive.root(ENTRIES[:new]), proof)


def broken(data: st.DataObject, proof: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A proof that differs from this one."""
    kinds = ["longer", "longer in front", *(["shorter", "shorter in front", "flipped"] if proof else [])]
    kind = data.draw(st.sampled_from(kinds))
    other = data.draw(st.binary(min_size=32, max_size=32))
    if kind == "flipped":
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        flipped = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
        return (*proof[:place], flipped, *proof[place + 1 :])
    return {
        "longer": (*proof, other),
        "longer in front": (other, *proof),
        "shorter": proof[:-1],
        "shorter in front": proof[1:],
    }[kind]


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(ENTRIES)))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = leaf_hash(ENTRIES[index]), naive.path(index, ENTRIES[:size]), naive.root(ENTRIES[:size])
    wrong = broken(data, proof)
    for arguments in (
        (index, size, leaf, wrong, root),
        (index, size, leaf_hash(b"other"), proof, root),
        (index, size, leaf, proof, leaf_hash(b"other")),
        (size, size, leaf, proof, root),
        (-1, size, leaf, proof, root),
        (index, 0, leaf, proof, root),
    ):
        with pytest.raises(LogError) as caught:
            check_inclusion(*arguments)
        assert caught.value.reason == Reason.PROOF
    # An entry is at one place only, whatever the size is said to be.
    other = data.draw(st.integers(0, size - 1))
    if other != index and ENTRIES[other] != ENTRIES[index]:
        with pytest.raises(LogError):
            check_inclusion(other, size, leaf, proof, root)


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, len(ENTRIES)))
    old = data.draw(st.integers(1, new))
    proof, roots = naive.growth(old, ENTRIES[:new]), (naive.root(ENTRIES[:old]), naive.root(ENTRIES[:new]))
    wrong = leaf_hash(b"other")
    for arguments in (
        (old, new, *roots, broken(data, proof)),
        (old, new, wrong, roots[1], proof),
        (old, new, roots[0], wrong, proof),
        (new + 1, new, *roots, proof),
    ):
        with pytest.raises(LogError) as caught:
            check_consistency(*arguments)
        assert caught.value.reason == Reason.PROOF


def test_every_log_begins_with_the_empty_one() -> None:
    some = naive.root(ENTRIES)
    check_consistency(0, 70, EMPTY_ROOT, some, ())
    check_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())
    assert consistency_proof(0, 70, ranged) == ()
    for arguments in (
        (0, 70, some, some, ()),
        (0, 70, EMPTY_ROOT, some, (some,)),
        (0, 0, EMPTY_ROOT, EMPTY_ROOT, (some,)),
        (0, 0, EMPTY_ROOT, some, ()),
    ):
        with pytest.raises(LogError):
            check_consistency(*arguments)


def test_sizes_and_hashes_have_bounds() -> None:
    for size in (-1, MAX_SIZE + 1):
        for ask in (
            lambda: inclusion_proof(0, size, ranged),  # noqa: B023 - it is called at once.
            lambda: consistency_proof(0, size, ranged),  # noqa: B023
            lambda: check_inclusion(0, size, EMPTY_ROOT, (), EMPTY_ROOT),  # noqa: B023
        ):
            with pytest.raises(LogError) as caught:
                ask()
            assert caught.value.reason == Reason.OUT_OF_RANGE
    for asked in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(LogError):
            inclusion_proof(*asked, ranged)
    for asked in ((6, 5), (-1, 5)):
        with pytest.raises(LogError):
            consistency_proof(*asked, ranged)
    with pytest.raises(LogError) as caught:
        check_inclusion(0, 2, EMPTY_ROOT, (b"short",), EMPTY_ROOT)
    assert caught.value.reason == Reason.MALFORMED
