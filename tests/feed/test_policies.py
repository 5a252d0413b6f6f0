"""The policy of a running cell: public with its history, changed by operators alone, with a reason, an epoch and nothing half."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from glaswerk.glass import Epoch, default_policy
from tests.feed.theatre import Theatre, slate

pytestmark = pytest.mark.cell
REASON = "Newcomers should be seen by more people."


@pytest.fixture(scope="module")
def operator(theatre: Theatre) -> str:
    person, name = theatre.creator()
    theatre.rows("UPDATE people_person SET role = 'operator' WHERE id = %s RETURNING 1", person)
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def shown(theatre: Theatre) -> dict[str, Any]:
    with theatre.running.client() as client:
        answer = client.get("/api/policy")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def altered(share: str) -> str:
    text = default_policy().text
    assert "share = 0.1\n" in text
    return text.replace("share = 0.1\n", f"share = {share}\n")


def test_everybody_can_read_the_policy_and_its_history(theatre: Theatre) -> None:
    found = shown(theatre)
    assert found["sha256"] == hashlib.sha256(found["text"].encode()).hexdigest()
    first = found["history"][-1]
    assert (first["set_by"], first["reason"]) == (None, "The policy that comes with this version of Glaswerk.")
    assert first["sha256"] == hashlib.sha256(default_policy().text.encode()).hexdigest()
    assert theatre.running.json("feed", "policy", "history") == found["history"]
    printed = theatre.running.json("feed", "policy", "show")
    assert {name: printed[name] for name in ("text", "sha256", "set_at")} == {
        name: found[name] for name in ("text", "sha256", "set_at")
    }
    assert theatre.running.run("feed", "policy", "show").stdout == found["text"]


def test_an_operator_puts_a_policy_in_force_with_an_epoch_at_once(theatre: Theatre, operator: str, file: Path) -> None:
    before = shown(theatre)
    file.write_text(altered("0.15"))
    done = theatre.running.json("feed", "policy", "set", str(file), "--by", f"@{operator}", "--reason", f" {REASON} ")
    now = shown(theatre)
    assert now["text"] == file.read_text()
    assert now["sha256"] == done["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    # Both are files for whoever checks a slate, by the hashes that slates and the public log name them by.
    with theatre.running.client() as client:
        for sha256, text in ((now["sha256"], now["text"]), (before["sha256"], before["text"])):
            theatre.until(lambda sha256=sha256: client.get(f"/log/policy/{sha256}").status_code == 200)
            served = client.get(f"/log/policy/{sha256}")
            assert served.content == text.encode()
            assert "immutable" in served.headers["cache-control"]
    newest, *older = now["history"]
    assert older == before["history"]
    assert {name: newest[name] for name in ("sha256", "set_by", "reason", "first_epoch")} == {
        "sha256": done["sha256"], "set_by": operator, "reason": REASON, "first_epoch": done["epoch"],
    }  # fmt: skip
    opened = Epoch.open(theatre.cell.epochs / f"{done['epoch']}.epoch", done["epoch"])
    assert opened.policy.text == file.read_text()
    # No slate is made by the old policy any more, as soon as the workers have opened the epoch.
    policies = {opened.sha256: opened.policy.text}

    def policy_of_next() -> str:
        with theatre.running.client() as client:
            sha256 = slate(client, limit=1)["epoch"]
        if sha256 not in policies:
            policies[sha256] = Epoch.open(theatre.cell.epochs / f"{sha256}.epoch", sha256).policy.text
        return policies[sha256]

    theatre.until(lambda: all(policy_of_next() == now["text"] for _ in range(8)))
    # Going back is a change like every other one.
    file.write_text(before["text"])
    theatre.running.run("feed", "policy", "set", str(file), "--by", operator, "--reason", "It did not help anybody.")
    assert shown(theatre)["text"] == before["text"]
    assert len(shown(theatre)["history"]) == len(before["history"]) + 2


def broken(change: tuple[str, str]) -> bytes:
    text = default_policy().text
    assert change[0] in text
    return text.replace(*change, 1).encode()


def line_of(text: str) -> str:
    place = default_policy().text.index(text)
    return f"line {default_policy().text[:place].count(chr(10)) + 1}:"


BAD = [
    (broken(("[weights]", "[weihgts]")), line_of("[weights]")),
    (broken(("\nfinish = 1.0", "\nfinsih = 1.0")), line_of("finish = 1.0")),
    (broken(("\nfinish = 1.0", "\nfinish = 1000")), line_of("finish = 1.0")),
    (broken(("\nfinish = 1.0", "\nfinish = nan")), line_of("finish = 1.0")),
    (broken(("\nfinish = 1.0", "\nfinish = = 1")), "TOML"),
    (b"", "missing"),
    (b"\xff\xfe\x00", "utf-8"),
    (b"# " + b"x" * 500_000, "characters"),
]


def test_a_policy_with_a_mistake_is_refused_with_its_line(theatre: Theatre, operator: str, file: Path) -> None:
    before = shown(theatre)
    for content, message in BAD:
        file.write_bytes(content)
        told = theatre.running.run("feed", "policy", "check", str(file), check=False)
        assert told.returncode == 1
        assert f"{file}: " in told.stderr
        assert message in told.stderr
        assert "Traceback" not in told.stderr
    # Putting it in force says the same, and changes nothing.
    file.write_bytes(BAD[1][0])
    told = theatre.running.run("feed", "policy", "check", str(file), check=False)
    done = theatre.running.run("feed", "policy", "set", str(file), "--by", operator, "--reason", REASON, check=False)
    assert (done.returncode, done.stderr) == (1, told.stderr)
    assert shown(theatre) == before


def test_only_operators_with_a_reason_change_the_policy(theatre: Theatre, operator: str, file: Path) -> None:
    _, viewer = theatre.creator()
    gone, gone_name = theatre.creator()
    theatre.rows("UPDATE people_person SET role = 'operator', is_active = false WHERE id = %s RETURNING 1", gone)
    before = shown(theatre)
    file.write_text(altered("0.2"))
    assert theatre.running.json("feed", "policy", "check", str(file)) == {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest()
    }
    refused = [
        (viewer, REASON, "no operator"),
        (gone_name, REASON, "no operator"),
        (operator, "  because \n\t ", "a reason"),
        (operator, "because \u202e of that reason", "a reason"),
    ]
    for by, reason, message in refused:
        done = theatre.running.run("feed", "policy", "set", str(file), "--by", by, "--reason", reason, check=False)
        assert done.returncode == 1, (by, reason)
        assert message in done.stderr
    file.write_text(before["text"])
    done = theatre.running.run("feed", "policy", "set", str(file), "--by", operator, "--reason", REASON, check=False)
    assert (done.returncode, done.stderr) == (1, "glaswerk: this policy is in force already\n")
    missing = theatre.running.run("feed", "policy", "check", str(file / "none"), check=False)
    assert missing.returncode == 1
    assert shown(theatre) == before


def test_nobody_changes_the_policy_over_http(theatre: Theatre) -> None:
    before = shown(theatre)
    with theatre.running.client() as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.request(method, "/api/policy", json={"text": altered("0.3")})
            assert answer.status_code == 405
    assert shown(theatre) == before


def test_the_file_of_the_data_folder_changes_nothing(theatre: Theatre) -> None:
    before = shown(theatre)
    (theatre.cell.data / "policy.toml").write_text(altered("0.4"))
    try:
        assert len(json.loads(theatre.running.run("feed", "cut", "--json").stdout)["epoch"]) == 64
        assert shown(theatre) == before
    finally:
        (theatre.cell.data / "policy.toml").unlink()
