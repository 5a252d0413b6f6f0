"""Whose turn it is: round by round, one video of everybody who waits.

A job's round is its priority with the sign turned.  A new job of somebody who has jobs already goes one round after the
last of them; a newcomer's goes into the round after the one that is being served, behind those who stand in it.  So fifty
uploads of one person stand in fifty rounds, between which everybody else's come; and no job waits for ever, because nobody
comes into a round any more once it is being served.
"""

from typing import Final

from django.db import connection

# The largest rank that fits: a queue that never ran empty for so many rounds would begin to share the last one.
_LAST: Final = 2_000_000_000

_ROUND: Final = """
WITH waiting AS (
    SELECT -priority AS round, status, args FROM procrastinate_jobs
    WHERE queue_name = %(queue)s AND status IN ('todo', 'doing') AND args ? 'video_id'
), serving AS (
    SELECT coalesce(
        (SELECT max(round) + 1 FROM waiting WHERE status = 'doing'), (SELECT min(round) FROM waiting), 0
    ) AS round
)
SELECT greatest(
    serving.round,
    (SELECT max(waiting.round) + 1 FROM waiting JOIN videos_video video ON video.id = (args ->> 'video_id')::bigint
     WHERE video.creator_id = (SELECT creator_id FROM videos_video WHERE id = %(video)s))
) FROM serving
"""


def priority_of(video_id: int, queue: str) -> int:
    """Return the priority that puts a video's new job into its creator's next round."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUND, {"queue": queue, "video": video_id})
        (found,) = cursor.fetchone()
    return -min(int(found), _LAST)
