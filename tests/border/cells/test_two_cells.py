"""Two whole cells that follow each other: what is published in one plays in the other, from there, until it is withdrawn."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cells import PASSWORD, SETTINGS, RunningCell, event, send
from tests.videos.conftest import ffmpeg

# Two cells start, which takes a busy machine a while.
pytestmark = [pytest.mark.cell, pytest.mark.timeout(1800)]
_PEERS = "\n[cell]\nregion = {name!r}\n[peers]\npoll_seconds = 1\n"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningCell, RunningCell]]:
    folder = tmp_path_factory.mktemp("cells")
    settings = {name: SETTINGS + _PEERS.format(name=name).replace("'", '"') for name in ("us", "eu")}
    with (
        RunningCell.started(folder / "us", settings["us"]) as us,
        RunningCell.started(folder / "eu", settings["eu"]) as eu,
    ):
        for one, other, name in ((eu, us, "us"), (us, eu, "eu")):
            key = other.run("log", "key").stdout.strip()
            one.run("peer", "add", other.url, "--key", key, "--name", name, "--private")
        yield us, eu


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that goes everywhere and one that stays."""
    folder = tmp_path_factory.mktemp("film")
    return (film(folder / "clip.mp4", "testsrc2"), film(folder / "at-home.mp4", "smptebars"))


def film(path: Path, picture: str) -> Path:
    return ffmpeg(
        path,
        *("-f", "lavfi", "-i", f"{picture}=size=160x284:rate=12:duration=1"),
        *("-metadata", "location=+52.5200+013.4050/", "-metadata", "comment=canary-in-the-metadata"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )


def until(found: Callable[[], Any], seconds: float = 600) -> Any:
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.3)
    return value


def publish(client: httpx.Client, film: Path, caption: str, **fields: str) -> str:
    answer = client.post(
        "/api/videos",
        data={"caption": caption, "visibility": "public", **fields},
        files={"file": ("clip.mp4", film.read_bytes(), "video/mp4")},
        headers={"X-CSRFToken": client.cookies["csrftoken"], "Referer": str(client.base_url)},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def change(client: httpx.Client, video: str, **fields: Any) -> None:
    headers = {"X-CSRFToken": client.cookies["csrftoken"], "Referer": str(client.base_url)}
    assert client.patch(f"/api/videos/{video}", json=fields, headers=headers).status_code == 200


def shown(cell: RunningCell, creator: str) -> dict[str, dict[str, Any]]:
    """What a cell's feed shows of somebody, to a stranger, by caption."""
    answer = cell.client().get("/api/feed", params={"limit": 50, "creator": creator, "again": 1})
    slots = answer.json()["slots"] if answer.status_code == 200 else []
    return {slot["video"]["caption"]: slot["video"] for slot in slots}


def file_of(video: dict[str, Any]) -> str:
    """The name of the largest file of a video."""
    return str(video["renditions"][0]["url"].removeprefix("/media/").removesuffix(".mp4"))


def test_what_is_published_in_one_plays_in_the_other(
    cells: tuple[RunningCell, RunningCell], films: tuple[Path, Path]
) -> None:
    us, eu = cells
    name, author = us.person("creator", "ida")
    video = publish(author, films[0], "Northern lights #north")
    at_home = publish(author, films[1], "For neighbours", allow_elsewhere="false")
    here = until(lambda: found if len(found := shown(us, name)) == 2 else None)
    crosses, stays = file_of(here["Northern lights #north"]), file_of(here["For neighbours"])
    there = until(lambda: shown(eu, "ida@us").get("Northern lights #north"))
    assert there["creator"]["name"] == "ida@us"
    # The file is one that this cell made and serves itself, and the place where it was filmed is not in it.
    played = eu.client().get(there["renditions"][0]["url"])
    assert played.status_code == 200 and b"ftyp" in played.content[:16]
    sent = us.client().get(f"/log/blob/{crosses}")
    assert sent.status_code == 200 and hashlib.sha256(sent.content).hexdigest() == crosses
    for data in (played.content, sent.content):
        assert b"canary" not in data and b"52.52" not in data
    assert eu.client().get("/@ida@us").status_code == 200
    # What stays in its region is nowhere in the log of the cell, nor among the files that it serves to others.
    assert set(shown(eu, "ida@us")) == {"Northern lights #north"}
    entries = b"".join(
        path.read_bytes() for path in sorted((us.data / "tlog/tile/entries").rglob("*")) if path.is_file()
    )
    assert video.encode() in entries and crosses.encode() in entries
    assert at_home.encode() not in entries and stays.encode() not in entries
    for wrong in (stays, "0" * 64, crosses.upper(), f"{crosses}.mp4", f"../{crosses}", ""):
        assert us.client().get(f"/log/blob/{wrong}").status_code == 404
    assert us.client().post(f"/log/blob/{crosses}").status_code == 405
    change(author, video, caption="Southern lights")
    until(lambda: set(shown(eu, "ida@us")) == {"Southern lights"})
    change(author, video, allow={"elsewhere": False})
    # It is served to nobody from the very moment, and then it goes there, too.
    assert us.client().get(f"/log/blob/{crosses}").status_code == 404
    until(lambda: eu.client().get(there["renditions"][0]["url"]).status_code == 404)
    assert not shown(eu, "ida@us")
    assert len(shown(us, name)) == 2
    status = eu.json("peer", "status")[0]
    assert (status["name"], status["ok"], status["here"]["video"]) == ("us", True, 0)
    for one in (us, eu):
        assert one.json("log", "verify")["ok"]


def say(client: httpx.Client, act: str, cell: str, name: str) -> str:
    """Say one's half of a move at the page, with a fresh proof, and return what the page says then."""
    headers = {"X-CSRFToken": client.cookies["csrftoken"], "Referer": str(client.base_url)}
    asked = client.post("/me/move", data={"act": act, "cell": cell, "name": name}, headers=headers)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", data={"password": PASSWORD}, headers=headers)
    headers["X-CSRFToken"] = client.cookies["csrftoken"]
    assert client.post("/me/move", data={"act": act, "cell": cell, "name": name}, headers=headers).status_code == 302
    return client.get("/me/move").text


def has_followers(client: httpx.Client, name: str) -> str:
    """The number of followers on a profile, and whether one is oneself among them; empty where there is no profile."""
    text = client.get(f"/@{name}").text
    number = re.search(r'data-followers="(\d+)"', text)
    pressed = re.search(r'aria-pressed="(true|false)" data-on="Following"', text)
    return f"{number[1] if number else ''} {pressed[1] if pressed else ''}".strip()


def test_somebody_moves_and_followers_in_both_cells_go_along(
    cells: tuple[RunningCell, RunningCell], films: tuple[Path, Path]
) -> None:
    us, eu = cells
    _, nora = us.person("creator", "nora")
    publish(nora, films[0], "Before the move #north")
    until(lambda: shown(eu, "nora@us"))
    _, new = eu.person("creator", "nora")
    _, fan = us.person(name="fan")
    _, friend = eu.person(name="friend")
    for follower, name in ((fan, "nora"), (friend, "nora@us")):
        assert send(follower, event("follow", creator=name)).status_code == 202
        until(lambda follower=follower, name=name: has_followers(follower, name) == "1 true")
    assert "You come from nora in the cell us" in say(new, "come", "us", "nora")
    # She has published nothing there, and is told of for what she says of the move; that alone does nothing.
    until(lambda: fan.get("/@nora@eu").status_code == 200)
    assert has_followers(fan, "nora") == "1 true"
    assert "moved to" in say(nora, "go", "eu", "nora")
    # In the cell that she left, and in the one that she came to.
    until(lambda: has_followers(fan, "nora@eu") == "1 true")
    until(lambda: has_followers(friend, "nora") == "1 true")
    for cell, old, target in ((us, "nora", "nora@eu"), (eu, "nora@us", "nora")):
        page = cell.client().get(f"/@{old}").text
        assert f'<a href="/@{target}">@{target}</a>' in page and 'data-followers="0"' in page
    refused = nora.post(
        "/api/videos",
        data={"caption": "Once more", "visibility": "public"},
        files={"file": ("clip.mp4", films[0].read_bytes(), "video/mp4")},
        headers={"X-CSRFToken": nora.cookies["csrftoken"], "Referer": str(nora.base_url)},
    )
    assert refused.status_code == 403 and set(shown(us, "nora")) == {"Before the move #north"}
    for one in (us, eu):
        assert one.json("log", "verify")["ok"]
