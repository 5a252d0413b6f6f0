"""Fills a cell that is to be handed over: `python -m tests.border.carve.seller PEOPLE VIDEOS EVENTS`, on GLASWERK_DATA.

People with keys of their own, some of them destroyed; videos whose files lie in the store; what was watched. The rows go
in by SQL, because what is handed over is rows and files, however they came to be.
"""

import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

from glaswerk.cli.attach import attached_cell

# Nothing that COPY writes in a special way is missing from the text.
PEOPLE: Final = r"""
INSERT INTO people_person (id, name, display_name, bio, avatar, email, password, role, language, profiling,
    default_visibility, is_active, is_superuser, joined_at)
SELECT n, 'p' || n, 'Person ß' || n, E'tab\tline\nback\\slash \\N ' || n, '', 'p' || n || '@example.org', '!', 'creator', '',
    true, 'public', true, false, now() FROM generate_series(1, %s) n
"""
VIDEOS: Final = """
INSERT INTO videos_video (id, creator_id, caption, hashtags, mentions, visibility, language, region, sound_title, state,
    ladder, progress, failure, source, duration_ms, width, height, poster, color, features, created_at, published_at)
SELECT 1000000 + n, 1 + n %% %s, 'caption ' || n, ARRAY['a', 'b "quoted"'], '{}', 'public', '', 'eu', 'sound', 'ready', 'whole',
    100, '', sha, 9000, 720, 1280, sha, '#123456', '', now(), now()
FROM unnest(%s::text[]) WITH ORDINALITY AS made (sha, n)
"""
RENDITIONS: Final = """
INSERT INTO videos_rendition (video_id, blob, width, height, bitrate, size, codecs, family)
SELECT id, source, 720, 1280, 800000, 20000, 'avc1.64001f,mp4a.40.2', 'h264' FROM videos_video
"""
EVENTS: Final = """
INSERT INTO feed_watch (viewer, video, first_at, last_at, watched, watched_ms, loops, shared, liked_at, saved_at, refused_at,
    watched_at)
SELECT 1 + n / 200, 1000000 + n %% 200, 1, 1700000000000 + n, true, 60000, 0, false, 0, 0, 0, 1700000000000 + n
FROM generate_series(0, %s - 1) n
"""


# Who may do what: staff, a merchant's own programs, somebody who is signed in.
GRANTED: Final = """
UPDATE people_person SET role = 'operator', password = 'argon2$x' WHERE id = 5;
INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('s', 'x', now() + '1 day');
INSERT INTO mfa_authenticator (user_id, type, data, created_at) VALUES (5, 'totp', '{}', now());
INSERT INTO feed_policyrecord (sha256, text, set_at, set_by, reason, first_epoch)
    VALUES (encode(sha256('rules'), 'hex'), 'rules', now(), '', 'These are the rules of the house.', '')
"""


def fill(people: int, videos: int, events: int, video_bytes: int = 20_000) -> None:
    """Fill the current cell."""
    from django.db import connection, transaction

    from glaswerk.border.outward.speaking import speak_waiting
    from glaswerk.cell.blobs import current_store
    from glaswerk.cell.entries import EntryKind
    from glaswerk.cell.records import record
    from glaswerk.people.keyring import destroy_keys, key_holder

    store, holder = current_store(), key_holder()
    owners = [*range(1, people + 1)]
    with ThreadPoolExecutor(16) as pool:
        shas = list(pool.map(lambda n: store.put(os.urandom(video_bytes + n % 1000), "mp4").sha, range(videos)))
        wrapped = list(pool.map(lambda owner: holder.wrap(owner, secrets.token_bytes(64)), owners))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PEOPLE, [people])
        cursor.execute(VIDEOS, [people, shas])
        cursor.execute(RENDITIONS)
        cursor.execute(EVENTS, [events])
        cursor.execute(
            "INSERT INTO people_datakey (owner, wrapped) SELECT * FROM unnest(%s::bigint[], %s::bytea[])",
            [owners, wrapped],
        )
        cursor.execute(GRANTED)
        # Some of the videos cross to other cells, and have been told of.
        cursor.execute("UPDATE videos_video SET allow_elsewhere = true WHERE id % 4 = 0")
        grant_shop()
        for owner in owners[:3]:
            destroy_keys(owner)
            record(EntryKind.ERASE, {"person": secrets.token_hex(32)})
    while speak_waiting():
        pass


def grant_shop() -> None:
    """Let a merchant have an owner, a token and a webhook."""
    from glaswerk.shop.models import Endpoint, Merchant, Staff, Token

    merchant = Merchant.objects.create(name="lamps", title="Lamps")
    Staff.objects.create(merchant=merchant, person_id=6, role="owner")
    Endpoint.objects.create(merchant=merchant, url="https://lamps.example/hook", events=["order.paid"], key="k")
    Token.objects.create(
        merchant=merchant, person_id=6, name="till", scopes=["orders:read"], hash="5" * 64, hint="gw_12",
        expires_at=datetime.now(UTC) + timedelta(days=9),
    )  # fmt: skip


if __name__ == "__main__":
    with attached_cell():
        fill(*map(int, sys.argv[1:4]))
