"""The example in docs/log.md is what the code makes, so that whoever writes a verifier from it can begin with it."""

from pathlib import Path

from glaswerk.tlog import folder_fetch, prove

from .naive import POLICY, SIGNER, read_log, write_log

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "log.md").read_text()


def test_the_example_of_the_specification(tmp_path: Path) -> None:
    write_log(tmp_path, [b"one", b"two", b"three"])
    files = read_log(tmp_path)
    tile = files["tile/0/000.p/3"].hex()
    _, proof = prove(folder_fetch(tmp_path), POLICY, 1)
    for part in (
        f"\n{SIGNER.key.text}\n",
        f"`{files['tile/entries/000.p/3'].hex()}`",
        "\n".join(tile[at : at + 64] for at in range(0, len(tile), 64)),
        proof.encode().decode(),
        files["checkpoint"].decode(),
    ):
        assert part in TEXT
