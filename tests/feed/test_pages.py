"""The pages as a browser gets them: signed out and in, in both languages, and what they must not tell."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as cell_settings
from django.test import Client
from django.utils import timezone

from glaswerk.cell.ids import encode_id, new_id, now_ms
from glaswerk.feed.models import PolicyRecord, SlateRecord
from glaswerk.feed.policies import policy_hash
from glaswerk.feed.slates import pack
from glaswerk.feed.visitors import VisitorReader
from glaswerk.glass import Ask, Slate, Slot, Viewer, default_policy
from glaswerk.people.models import Person
from glaswerk.social.actions import post_comment
from glaswerk.social.models import Block, Counts, Follow, Like, Save
from glaswerk.videos.models import Rendition, Video

pytestmark = pytest.mark.django_db

_numbers = itertools.count()
HOSTILE = (
    "%",
    "_",
    "\\",
    "'\"--;",
    "a & | !",
    "(((",
    ":*",
    "<->",
    "\x00",
    "@",
    "#",
    "  ",
    "🦊" * 200,
    "<script>",
    "x" * 5000,
)


@pytest.fixture(autouse=True)
def plain_static(settings: Any) -> None:
    """Name static files without their hash, so that pages render before `collectstatic` has run."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def person(name: str = "", **fields: Any) -> Person:
    name = name or f"person{next(_numbers)}"
    return Person.objects.create(name=name, email=f"{name}@example.org", password="!", **fields)


def video(creator: Person, caption: str = "", **fields: Any) -> Video:
    whole: dict[str, Any] = {
        "visibility": "public",
        "state": "ready",
        "duration_ms": 5000,
        "width": 720,
        "height": 1280,
        "poster": "a" * 64,
        "published_at": timezone.now(),
    }
    return Video.objects.create(creator=creator, caption=caption, region="eu", source="0" * 64, **{**whole, **fields})


def browser(who: Person | None = None, language: str = "en") -> Client:
    client = Client(headers={"Accept-Language": language})
    if who is not None:
        client.force_login(who)
    return client


def page(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def posters(text: str) -> list[str]:
    """Return the ids of the videos in the grids of a page, in their order."""
    grids = re.findall(r'<ul class="grid-posters">.*?</ul>', text, re.DOTALL)
    return [found for grid in grids for found in re.findall(r'href="[^"]*[=/]([0-9a-z]{13})"', grid)]


def tags(text: str) -> dict[str, str]:
    """Return the preview tags of a page."""
    found = re.findall(r'<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)">', text)
    assert len(dict(found)) == len(found)
    return {name: unescape(content) for name, content in found}


def now() -> Any:
    return timezone.now()


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("signed_in", [False, True])
def test_every_page_answers_with_and_without_content(language: str, signed_in: bool) -> None:
    reader = person("reader")
    client = browser(reader if signed_in else None, language)
    addresses = ["/", "/following", "/discover", "/inbox", "/t/fox", "/t/fox/play", "/@reader", "/@reader/play"]
    addresses += ["/me/feed", "/me/slates", "/transparency/algorithm"]
    addresses += ["/@reader/liked", "/@reader/saved"] if signed_in else []
    for _ in range(2):
        for address in addresses:
            text = page(client, address)
            assert f'<html lang="{language}"' in text
            assert text.count("<h1") <= 1
            assert not re.search(r"<[a-z]+[^>]* style=|<script>|<style", text), address
        mine = video(reader, "A #fox", hashtags=["fox"])
        fan = person()
        Like.objects.create(person=fan, video=mine, at=now())
        Like.objects.create(person=reader, video=mine, at=now())
        Save.objects.create(person=reader, video=mine, at=now())
        Follow.objects.create(follower=fan, followed=reader, at=now())
        post_comment(fan, mine.pk, "Hello")
        addresses.append(f"/v/{mine.public_id}")


def test_pages_speak_german() -> None:
    reader = person("leser")
    assert "Hier ist noch nichts" in page(browser(None, "de"), "/t/fuchs")
    assert "Profil bearbeiten" in page(browser(reader, "de"), "/@leser")
    assert "Hashtags und Beschreibungen suchen" in page(browser(None, "de"), "/discover")
    assert "Dein Posteingang" in page(browser(None, "de"), "/inbox")
    assert "Weiter ohne Konto" in page(browser(None, "de"), "/following")
    assert "Dein Feed vergisst" in page(browser(None, "de"), "/me/feed")
    assert "Was dir gezeigt wurde" in page(browser(reader, "de"), "/me/slates")
    assert "Wozu der Feed da ist" in page(browser(None, "de"), "/transparency/algorithm")


def test_the_player_is_told_what_it_plays() -> None:
    creator = person("ada")
    first = video(creator, "#fox", hashtags=["fox"])
    client = browser(creator)

    def surface(address: str) -> dict[str, str]:
        return client.get(address).context["surface"]

    nothing = {"hashtag": "", "creator": "", "video": ""}
    assert surface("/") == {**nothing, "feed": "for_you"}
    assert surface("/following") == {**nothing, "feed": "following"}
    assert surface("/t/fox/play") == {**nothing, "feed": "hashtag", "hashtag": "fox"}
    assert surface("/@ada/play") == {**nothing, "feed": "creator", "creator": "ada"}
    assert surface(f"/v/{first.public_id}") == {**nothing, "feed": "for_you", "video": first.public_id}
    assert surface(f"/@ada/play?video={first.public_id}")["video"] == first.public_id
    assert surface('/@ada/play?video="><script>')["video"] == ""


def test_a_link_to_a_public_video_previews_exactly() -> None:
    creator = person("ada", display_name="Ada")
    shown = video(creator, 'First "line" & <b>\nsecond #fox')
    for height, width in ((640, 360), (1280, 720)):
        Rendition.objects.create(
            video=shown, blob=f"{height:064x}", width=width, height=height, bitrate=1, size=1, codecs="avc1"
        )
    base, title = cell_settings.PUBLIC_URL, 'First "line" & <b>'
    description = f'First "line" & <b> second #fox · @ada on {cell_settings.CELL.config.cell.title}'
    text = page(browser(), f"/v/{shown.public_id}")
    assert tags(text) == {
        "og:site_name": cell_settings.CELL.config.cell.title,
        "og:type": "video.other",
        "og:url": f"{base}/v/{shown.public_id}",
        "og:title": title,
        "og:description": description,
        "og:image": f"{base}/media/{'a' * 64}.jpg",
        "og:image:type": "image/jpeg",
        "og:video": f"{base}/media/{1280:064x}.mp4",
        "og:video:type": "video/mp4",
        "og:video:width": "720",
        "og:video:height": "1280",
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": description,
        "twitter:image": f"{base}/media/{'a' * 64}.jpg",
    }
    assert f'<link rel="canonical" href="{base}/v/{shown.public_id}">' in text
    assert "<b>" not in text


def test_a_long_or_empty_caption_previews_within_bounds() -> None:
    creator = person("ada", display_name="Ada")
    wordless, endless = video(creator), video(creator, "word " * 400)
    assert tags(page(browser(), f"/v/{wordless.public_id}"))["og:title"] == "Video by Ada"
    long = tags(page(browser(), f"/v/{endless.public_id}"))
    assert len(long["og:title"]) <= 70
    assert len(long["og:description"]) <= 200
    assert long["og:description"].endswith(f"@ada on {cell_settings.CELL.config.cell.title}")


@pytest.mark.parametrize(
    "fields",
    [
        {"visibility": "private"},
        {"visibility": "followers"},
        {"state": "processing", "published_at": None, "poster": "", "duration_ms": 0},
        {"state": "failed"},
        {"taken_down_at": now()},
    ],
)
def test_what_is_not_for_a_reader_is_on_no_page(fields: dict[str, Any]) -> None:
    creator, stranger = person("creator"), person()
    hidden = video(creator, "Hidden words #hush", hashtags=["hush"], **fields)
    for client in (browser(), browser(stranger)):
        answers = {
            address: client.get(address)
            for address in (f"/v/{hidden.public_id}", "/@creator", "/t/hush", "/discover", "/discover?q=hidden")
        }
        assert answers[f"/v/{hidden.public_id}"].status_code == 404
        for address, answer in answers.items():
            assert b"Hidden words" not in answer.content, address
            assert hidden.public_id not in answer.content.decode().replace(f"/v/{hidden.public_id}", ""), address
            assert b"a" * 64 not in answer.content
        assert b"#hush" not in answers["/discover"].content


def test_followers_and_oneself_see_more_but_links_preview_nothing() -> None:
    creator, follower = person("creator"), person()
    Follow.objects.create(follower=follower, followed=creator, at=now())
    for_followers, secret = video(creator, visibility="followers"), video(creator, visibility="private")
    assert posters(page(browser(follower), "/@creator")) == [for_followers.public_id]
    assert posters(page(browser(creator), "/@creator")) == [secret.public_id, for_followers.public_id]
    assert posters(page(browser(), "/@creator")) == []
    for who, one in ((follower, for_followers), (creator, for_followers), (creator, secret)):
        text = page(browser(who), f"/v/{one.public_id}")
        assert tags(text) == {}
        assert '<meta name="robots" content="noindex">' in text
    assert browser(follower).get(f"/v/{secret.public_id}").status_code == 404


def test_a_profile_shows_the_person_and_their_numbers() -> None:
    creator, fan = person("ada", display_name="Ada <L>", bio="Hi @bob & #fox"), person("bob")
    for likes in (3, 4):
        Counts.objects.create(video=video(creator), likes=likes)
    Counts.objects.create(video=video(creator, visibility="private"), likes=100)
    Follow.objects.create(follower=fan, followed=creator, at=now())
    text = page(browser(fan), "/@ada")
    assert "Ada &lt;L&gt;" in text
    assert 'Hi <a href="/@bob">@bob</a> &amp; <a href="/t/fox">#fox</a>' in text
    numbers = re.findall(r"<li><strong[^>]*>([^<]*)</strong>([^<]*)</li>", text)
    assert numbers == [("0", "Following"), ("1", "Follower"), ("7", "Likes")]
    button = re.search(r"<button[^>]*data-follow[^>]*>([^<]*)", text)
    assert button is not None
    assert ('aria-pressed="true"' in button.group(0), button.group(1)) == (True, "Following")
    assert "Edit profile" not in text
    assert "Edit profile" in page(browser(creator), "/@ada")
    assert "data-follow=" not in page(browser(), "/@ada")


def test_lists_of_likes_and_saves_are_ones_own() -> None:
    reader, creator = person("reader"), person()
    old, new = video(creator), video(creator)
    hidden = video(creator, visibility="private")
    for minutes, one in ((3, new), (2, hidden), (1, old)):
        Like.objects.create(person=reader, video=one, at=now() - timedelta(minutes=minutes))
    Save.objects.create(person=reader, video=new, at=now())
    assert posters(page(browser(reader), "/@reader/liked")) == [old.public_id, new.public_id]
    assert posters(page(browser(reader), "/@reader/saved")) == [new.public_id]
    for client in (browser(), browser(creator)):
        for tab in ("liked", "saved"):
            assert client.get(f"/@reader/{tab}").status_code == 404
        assert "/liked" not in page(client, "/@reader")


def test_nobody_and_people_who_left_have_no_profile() -> None:
    gone = person("gone", is_active=False)
    left = video(gone, "left behind", hashtags=["left"])
    fan = person()
    for address in ("/@nobody", "/@gone", "/@gone/play", f"/v/{left.public_id}", "/@a", "/@admin", "/@x/../y", "/@ö"):
        assert browser(fan).get(address).status_code == 404, address
    for address in ("/t/left", "/discover", "/discover?q=left", "/discover?q=gone"):
        text = page(browser(fan), address)
        assert posters(text) == []
        assert "/@gone" not in text


def test_a_block_empties_both_profiles() -> None:
    blocker, blocked = person("blocker", bio="Blocker's bio"), person("blocked")
    one, other = video(blocker, "mine", hashtags=["both"]), video(blocked, "theirs", hashtags=["both"])
    Block.objects.create(blocker=blocker, blocked=blocked, at=now())
    as_blocked = page(browser(blocked), "/@blocker")
    assert posters(as_blocked) == []
    assert "bio" not in re.sub(r"class=\"bio\"", "", as_blocked)
    assert "data-follow=" not in as_blocked
    as_blocker = page(browser(blocker), "/@blocked")
    assert posters(as_blocker) == []
    assert re.search(r"<button[^>]*data-block[^>]*>Unblock", as_blocker)
    assert re.search(r"<section data-shows-when-blocked>", as_blocker)
    for who, theirs, name in ((blocker, other, "blocked"), (blocked, one, "blocker")):
        assert browser(who).get(f"/v/{theirs.public_id}").status_code == 404
        assert theirs.public_id not in posters(page(browser(who), "/t/both"))
        assert theirs.public_id not in posters(page(browser(who), "/discover"))
        assert f'href="/@{name}"' not in page(browser(who), "/discover", q=name)
    assert posters(page(browser(), "/t/both")) == [other.public_id, one.public_id]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/t/FÜCHSE", "/t/f%C3%BCchse"),
        ("/t/fu\u0308chse", "/t/f%C3%BCchse"),
        ("/t/Straße", "/t/strasse"),
        ("/t/FOX/play?video=1", "/t/fox/play?video=1"),
        ("/@Ada", "/@ada"),
        ("/@ADA/play?video=x", "/@ada/play?video=x"),
        ("/@Ada/liked", "/@ada/liked"),
    ],
)
def test_other_spellings_lead_to_the_one_address(address: str, target: str) -> None:
    person("ada")
    answer = browser().get(address)
    assert (answer.status_code, answer.headers["Location"]) == (301, target)


@pytest.mark.parametrize("word", ["a b", "a-b", "%23fox", "a.b", "123", "x" * 51, "%00", "<b>", "a%2Fb"])
def test_what_cannot_be_a_hashtag_has_no_page(word: str) -> None:
    assert browser().get(f"/t/{word}").status_code == 404


def test_hashtags_of_every_script_have_a_page() -> None:
    creator = person()
    for tag in ("füchse", "狐狸", "हिन्दी", "ثعلب", "fox_1"):
        shown = video(creator, f"#{tag}", hashtags=[tag])
        assert posters(page(browser(), f"/t/{tag}")) == [shown.public_id]


def test_a_grid_goes_on_where_it_ended() -> None:
    creator = person("ada")
    at = now()
    # Several share a time, so that the id has to decide.
    ids = [video(creator, published_at=at - timedelta(seconds=n // 5)).public_id for n in range(60)]
    client, seen, address = browser(), [], "/@ada"
    while address:
        text = page(client, address)
        seen.append(posters(text))
        found = re.search(r'rel="next" href="([^"]+)"', text)
        address = f"/@ada{found.group(1)}" if found else ""
    assert [len(part) for part in seen] == [24, 24, 12]
    assert sorted(itertools.chain.from_iterable(seen)) == sorted(ids)
    for after in (
        "x",
        "1",
        "-",
        "9" * 400 + "-0000000000000",
        "1-zzz",
        "²-0000000000000",
        "99999999999999999-" + ids[0],
    ):
        assert client.get("/@ada", {"after": after}).status_code in (200, 404)
    assert client.get("/@ada", {"after": "x"}).status_code == 404


def test_discover_shows_trends_of_the_week() -> None:
    ada, bob = person("ada"), person("bob", joined_at=now() + timedelta(seconds=1))
    long_ago = now() - timedelta(days=8)
    old_hit = video(ada, hashtags=["old"], published_at=long_ago)
    for _ in range(3):
        Like.objects.create(person=person(), video=old_hit, at=long_ago)
    plain = [video(ada, hashtags=["many"]) for _ in range(3)]
    liked = video(bob, hashtags=["shared"])
    also = video(ada, hashtags=["shared"])
    for _ in range(2):
        Like.objects.create(person=person(), video=liked, at=now())
    text = page(browser(), "/discover")
    assert posters(text)[0] == liked.public_id
    assert set(posters(text)[1:-1]) == {also.public_id, *(one.public_id for one in plain)}
    assert posters(text)[-1] == old_hit.public_id
    # Two creators weigh more than three videos of one; what is older than a week is no trend.
    assert re.findall(r'<a class="chip" href="/t/([^"]+)">', text) == ["shared", "many"]
    faces = re.search(r'<ul class="faces">.*?</ul>', text, re.DOTALL)
    assert faces is not None
    assert re.findall(r'href="/@([^"]+)"', faces.group(0)) == ["bob", "ada"]


def test_search_finds_people_hashtags_and_words_in_both_languages() -> None:
    ada = person("ada_fox", display_name="Ada Fuchs")
    walk = video(ada, "Zwei Füchse laufen #wald", hashtags=["wald"])
    tea = video(ada, "100% tea_time", hashtags=["waldrand"])
    assert 'href="/@ada_fox"' in page(browser(), "/discover", q="ada")
    assert 'href="/@ada_fox"' in page(browser(), "/discover", q="@ADA_F")
    assert 'href="/@ada_fox"' in page(browser(), "/discover", q="fuchs")
    # German knows that the plural and the infinitive mean the same word.
    assert posters(page(browser(None, "de"), "/discover", q="läuft laufen fuchs")) == []
    assert posters(page(browser(None, "de"), "/discover", q="Füchsen")) == [walk.public_id]
    assert posters(page(browser(), "/discover", q="üch")) == [walk.public_id]
    assert posters(page(browser(), "/discover", q="0%")) == [tea.public_id]
    assert posters(page(browser(), "/discover", q="a_t")) == [tea.public_id]
    text = page(browser(), "/discover", q="#Wald")
    assert re.findall(r'<a class="chip" href="/t/([^"]+)">', text) == ["wald", "waldrand"]
    assert posters(text) == [walk.public_id]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_searches_find_nothing_and_break_nothing(text: str) -> None:
    video(person("ada"), "A quiet caption")
    answer = page(browser(), "/discover", q=text)
    assert "<script>" not in answer
    assert len(answer) < 40_000


def test_the_inbox_groups_what_others_did() -> None:
    reader = person("reader")
    mine = video(reader, "mine")
    fans = [person(f"fan{n}") for n in range(5)]
    for n, fan in enumerate(fans):
        Like.objects.create(person=fan, video=mine, at=now().replace(hour=10, minute=n, second=0, microsecond=0))
    Like.objects.create(person=reader, video=mine, at=now())
    bad = person("bad")
    Block.objects.create(blocker=reader, blocked=bad, at=now())
    Follow.objects.create(follower=bad, followed=reader, at=now())
    Follow.objects.create(follower=fans[0], followed=reader, at=now() - timedelta(days=40))
    post_comment(reader, mine.pk, "my own")
    post_comment(fans[1], mine.pk, "<img src=x onerror=alert(1)> @reader")

    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page(browser(reader), "/inbox")))
    assert "fan1 wrote under your video: &lt;img src=x onerror=alert(1)&gt; @reader" in text
    assert "fan4, fan3, fan2 and 2 others like your video" in text
    assert "fan0 follows you now" in text
    assert "@bad" not in text
    assert "my own" not in text
    assert "<img src=x" not in page(browser(reader), "/inbox")


def test_pages_ask_the_database_a_known_number_of_times(django_assert_num_queries: Callable[..., Any]) -> None:
    reader, creator = person("reader"), person("creator")
    for n in range(12):
        one = video(creator, f"#fox {n}", hashtags=["fox"])
        Like.objects.create(person=reader, video=one, at=now())
        mine = video(reader)
        Like.objects.create(person=creator, video=mine, at=now())
        post_comment(creator, mine.pk, "Hi")
    client = browser(reader)
    session = 3  # The session, its person, and what they have not read.
    client.get("/discover")  # Counts the likes for the next minute.
    for address, number in {
        "/": 0,
        "/@creator": 9,  # person; block, follow; grid, totals; followers, following, likes; a showcase
        "/@reader/liked": 7,
        "/t/fox": 3,
        "/discover": 5,  # what is liked, those of it that may be seen (they fill the grid), totals; hashtags; creators
        "/discover?q=fox": 4,
        "/inbox": 5,
        f"/v/{one.public_id}": 3,  # the video, its renditions, what this viewer did about it
    }.items():
        with django_assert_num_queries(session + number):
            assert client.get(address).status_code == 200, address


def shown(viewer: int, *videos: Video, surface: str = "for_you") -> str:
    """Record a slate that somebody was shown, and return its id."""
    slots = tuple(Slot(place, one.pk, 0, ("fresh",)) for place, one in enumerate(videos))
    record = SlateRecord.objects.create(
        id=new_id(),
        viewer=viewer,
        epoch="0" * 64,
        at=now_ms(),
        viewer_state=pack(Viewer(id=viewer).encode()),
        ask=Ask(limit=10, at_ms=now_ms(), surface=surface).encode(),
        slate=Slate("0" * 64, slots).encode(),
    )
    return encode_id(record.id)


def slates_on(text: str) -> list[str]:
    return re.findall(r"/api/slates/([0-9a-z]{13})/bundle", text)


def test_everybody_finds_what_they_were_shown_and_nothing_else() -> None:
    reader, other = person("reader"), person("other")
    public, private = video(other, "A #fox", hashtags=["fox"]), video(other, "Secret", visibility="private")
    mine = [shown(reader.pk, public, private), shown(reader.pk, public, surface="hashtag:fox")]
    foreign = shown(other.pk, public)
    stranger, cookie = VisitorReader().new_anonymous()
    strangers = shown(stranger, public)

    text = page(browser(reader), "/me/slates")
    assert slates_on(text) == [mine[1], mine[0]]
    assert foreign not in text
    assert "#fox · 1 video" in re.sub(r"\s+", " ", text)
    # What was shown once and may not be seen any more keeps its place, without its picture and its words.
    assert text.count("A video that is gone") == 1
    assert "Secret" not in text

    visitor = browser()
    visitor.cookies["viewer"] = cookie.decode().split(";")[0].removeprefix("viewer=")
    assert slates_on(page(visitor, "/me/slates")) == [strangers]
    assert slates_on(page(browser(), "/me/slates")) == []
    visitor.cookies["viewer"] = "1" * 13
    assert slates_on(page(visitor, "/me/slates")) == []


def test_what_was_shown_comes_in_pages() -> None:
    reader = person("reader")
    recorded = sorted((shown(reader.pk) for _ in range(23)), reverse=True)
    client = browser(reader)
    first = page(client, "/me/slates")
    (older,) = re.findall(r'rel="next" href="\?before=([0-9a-z]{13})"', first)
    second = page(client, "/me/slates", before=older)
    assert slates_on(first) + slates_on(second) == recorded
    assert 'rel="next"' not in second
    assert client.get("/me/slates", {"before": "nonsense"}).status_code == 404


def test_the_policy_page_shows_the_policy_in_force() -> None:
    text = page(browser(), "/transparency/algorithm")
    keys = re.findall(r'data-key="([a-z_.]+)"', text)
    assert len(keys) == len(set(keys))
    assert {"weights.finish", "heads.skip.similar", "exploration.share", "dials.topic", "commercial.cap"} <= set(keys)
    for address in ("/transparency/algorithm", "/me/feed", "/me/slates"):
        assert f'href="{address}"' in page(browser(person()), "/me")
    assert 'href="/transparency/algorithm"' in page(browser(), "/discover")


def test_the_policy_page_tells_its_history() -> None:
    built_in = default_policy().text
    other = built_in.replace("like = 0.5 ", "like = 0.75 ", 1)
    assert other != built_in
    for text, name, reason in (
        (built_in, "", "The policy that comes with this version of Glaswerk."),
        (other, "olga", "Likes <b>say</b> more than we thought."),
    ):
        PolicyRecord.objects.create(
            sha256=policy_hash(text), text=text, set_at=now(), set_by=name, reason=reason, first_epoch="f" * 64
        )
    text = page(browser(), "/transparency/algorithm")
    assert text.index("Likes &lt;b&gt;say&lt;/b&gt; more than we thought.") < text.index("The policy that comes with")
    assert "@olga" in text
    assert policy_hash(other) in text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))
    assert "1 number changed That you like it. 0.5 counts half 0.75 counts 75 %" in plain
    assert "Die Regeln, die mit dieser Version" in page(browser(None, "de"), "/transparency/algorithm")
