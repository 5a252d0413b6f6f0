"""What the people app does later.  Each job may run twice."""

from typing import Final

from procrastinate.contrib.django import app

from glaswerk.people.keyring import finish_destroying

_QUEUE: Final = "events"


@app.periodic(cron="29 * * * *")
@app.task(name="people.finish_destroying", queue=_QUEUE, queueing_lock="people.finish_destroying")
def forget_destroyed_keys(timestamp: int) -> None:
    """Have the key holder forget what was to be destroyed, where a kill or an older database kept it."""
    del timestamp
    finish_destroying()
