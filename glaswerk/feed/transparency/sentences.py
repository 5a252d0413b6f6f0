"""A sentence for every key of the policy. A key without one is a mistake that a test finds."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from glaswerk.feed.transparency.meanings import (
    Choice,
    Cost,
    Count,
    Days,
    Hours,
    LogOdds,
    Meaning,
    Multiple,
    Seconds,
    Share,
    StartingOdds,
    Weight,
)

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Line:
    """What a key says, and how its number is to be read."""

    sentence: Text
    meaning: Meaning


HEADS: Final[dict[str, Text]] = {
    "finish": _("You watch it to the end"),
    "like": _("You like it"),
    "share": _("You share it"),
    "follow": _("You follow its creator"),
    "buy": _("You buy what it shows"),
    "skip": _("You leave at once"),
}

_IMPRESSIONS: Final = Count(_("impressions"))
_VIDEOS: Final = Count(_("videos"))
_WATCHES: Final = Count(_("watches"))
_SLOTS: Final = Count(_("places"))

# What moves the chance of an action; the same for every head.
SIGNALS: Final[dict[str, Line]] = {
    "bias": Line(_("For an average video, before anything else is known."), StartingOdds()),
    "finish_rate": Line(_("Others watch it to the end: the odds are 2.7 times the average."), LogOdds()),
    "like_rate": Line(_("Others like it: the odds are 2.7 times the average."), LogOdds()),
    "share_rate": Line(_("Others share it: the odds are 2.7 times the average."), LogOdds()),
    "follow_rate": Line(_("Others follow its creator after it: the odds are 2.7 times the average."), LogOdds()),
    "buy_rate": Line(_("Others buy what it shows: the odds are 2.7 times the average."), LogOdds()),
    "skip_rate": Line(_("Others leave it at once: the odds are 2.7 times the average."), LogOdds()),
    "trending": Line(_("Every doubling of its latest finishes and likes."), LogOdds()),
    "cowatch": Line(_("People who finished what you finished also finished this."), LogOdds()),
    "similar": Line(_("It is like what you finished: in its words, hashtags, sound and pictures."), LogOdds()),
    "topic": Line(_("You finished videos with its hashtags."), LogOdds()),
    "creator": Line(_("You finished videos of its creator."), LogOdds()),
    "follows_creator": Line(_("You follow its creator already."), LogOdds()),
    "language": Line(_("It is in your language."), LogOdds()),
    "region": Line(_("It comes from your region."), LogOdds()),
    "fresh": Line(_("It was published just now."), LogOdds()),
}

_WEIGHTS: Final[dict[str, Line]] = {
    "weights.finish": Line(_("That you watch a video to its end."), Weight()),
    "weights.like": Line(_("That you like it."), Weight()),
    "weights.share": Line(_("That you send it to somebody."), Weight()),
    "weights.follow": Line(_("That you follow its creator."), Weight()),
    "weights.buy": Line(_("That you buy what it shows."), Weight()),
    "weights.skip": Line(_("That you leave within two seconds. This counts against a video."), Weight()),
}

_HISTORY: Final[dict[str, Line]] = {
    "pull.finish": Line(
        _("A video that you watched to its end pulls what is like it towards you this much."), LogOdds()
    ),
    "pull.skip": Line(_("A video that you left within two seconds pushes away what is like it this much."), Cost()),
    "pull.not_interested": Line(_("“Not interested” pushes away what is like the video this much."), Cost()),
    "decay.watch_days": Line(_("After this time, half of what a watch of yours said is left."), Days()),
    "decay.watch_count": Line(
        _("After this many further videos, half of what a watch of yours said is left."), _VIDEOS
    ),
    "history.watches": Line(
        _("So many of your latest watches are looked at. Older ones say nothing any more."), _WATCHES
    ),
    "reach.cowatch": Line(
        _("What others watched together counts fully up to here, and then less and less."), LogOdds()
    ),
    "reach.similar": Line(
        _("Likeness to what you watched counts fully up to here, and then less and less."), LogOdds()
    ),
    "reach.topic": Line(_("Hashtags that you watch count fully up to here, and then less and less."), LogOdds()),
    "reach.creator": Line(_("A creator whom you watch counts fully up to here, and then less and less."), LogOdds()),
}

_EVERYBODY: Final[dict[str, Line]] = {
    "smoothing.impressions": Line(
        _("A video's own rates are mixed with this many average impressions, so that luck does not look like quality."),
        _IMPRESSIONS,
    ),
    "trending.finish": Line(_("A finish counts this much towards what trends."), Multiple()),
    "trending.like": Line(_("A like counts this much towards what trends."), Multiple()),
    "decay.fresh_hours": Line(_("After this time, a video is only half as new."), Hours()),
    "decay.cowatch_days": Line(_("After this time, half of what others watched together is left."), Days()),
    "cowatch.neighbours": Line(
        _("For every video, so many of those that people watched together with it are kept."), _VIDEOS
    ),
    "cowatch.watches": Line(
        _("So many latest watches of one person count, so that nobody counts without end."), _WATCHES
    ),
    "similar.neighbours": Line(_("For every video, so many of those that are most like it are kept."), _VIDEOS),
    "topics.per_video": Line(
        _("So many hashtags of a video count, in the order in which its creator wrote them."), Count(_("hashtags"))
    ),
}

_SOURCES: Final[dict[str, Line]] = {
    "sources.following": Line(_("Whom you follow: their newest."), _VIDEOS),
    "sources.cowatch": Line(_("What people watch who watch what you watch."), _VIDEOS),
    "sources.similar": Line(_("What is like the videos that you watched, even if nobody has seen it yet."), _VIDEOS),
    "sources.topic": Line(_("The best with the hashtags that you watch."), _VIDEOS),
    "topics.followed": Line(_("So many of the hashtags that you watch most bring videos."), Count(_("hashtags"))),
    "sources.trending_here": Line(_("What is watched a lot in your region at the moment."), _VIDEOS),
    "sources.trending": Line(_("What is watched a lot everywhere at the moment."), _VIDEOS),
    "sources.fresh": Line(_("The newest."), _VIDEOS),
    "sources.shoppable": Line(_("Videos that show something to buy."), _VIDEOS),
    "sources.promoted": Line(
        _("Videos that somebody pays for. They are marked, and counted against the limit below."), _VIDEOS
    ),
    "sources.surface": Line(_("On the page of a hashtag, of a person or of those whom you follow."), _VIDEOS),
}

_SEEN: Final[dict[str, Line]] = {
    "seen.rule": Line(
        _("What counts as seen, and is not shown to you again."),
        Choice({"impression": _("What was on your screen"), "watch": _("What you watched")}),
    ),
}

_SPACING: Final[dict[str, Line]] = {
    "spacing.creator_gap": Line(
        _("A creator does not return within this many places, unless nobody else is left."), _SLOTS
    ),
    "spacing.creator_cost": Line(_("Every earlier video of the same creator in a feed costs this much."), Cost()),
    "spacing.topic_window": Line(_("A topic costs more while it was shown within this many places."), _SLOTS),
    "spacing.topic_cost": Line(_("Every one of these costs this much."), Cost()),
}

_EXPLORATION: Final[dict[str, Line]] = {
    "exploration.share": Line(_("This share of all places goes to videos that few people have seen."), Share()),
    "exploration.audience": Line(_("Every video is owed a first audience of this size."), _IMPRESSIONS),
    "exploration.growth": Line(_("Each further stage shows it to this many times more people."), Multiple()),
    "exploration.stages": Line(_("So many stages there are in all."), Count(_("stages"))),
    "exploration.hold": Line(
        _("It comes to the next stage if people finish it more often than average, by this much."), LogOdds()
    ),
    "exploration.pool": Line(_("So many of the least seen videos take part in a draw."), _VIDEOS),
    "exploration.draws": Line(_("So many are drawn for a place. The one that suits you best is shown."), _VIDEOS),
}

_COMMERCIAL: Final[dict[str, Line]] = {
    "commercial.cap": Line(
        _("At most this share of a feed may be paid for or sell something. Money cannot raise it."), Share()
    ),
}

_DIALS: Final[dict[str, Line]] = {
    "dials.new": Line(_("New: one step changes a video that was published just now this much."), LogOdds()),
    "dials.familiar": Line(
        _("Familiar: one step changes a video of somebody you follow or watch this much."), LogOdds()
    ),
    "dials.local": Line(_("Local: one step changes a video from your region this much."), LogOdds()),
    "dials.shopping": Line(_("Shopping: one step changes a video that sells something this much."), LogOdds()),
    "dials.long": Line(_("Long: one step changes a long video this much, and a shorter one in proportion."), LogOdds()),
    "dials.topic": Line(_("A hashtag: one step changes a video that carries it this much."), LogOdds()),
    "dials.long_seconds": Line(_("From this length on, a video is as long as can be."), Seconds()),
}

_FORM: Final[dict[str, Line]] = {"version": Line(_("The form of this policy."), Count())}

SECTIONS: Final[dict[str, dict[str, Line]]] = {
    "weights": _WEIGHTS,
    "heads": {f"heads.{head}.{name}": line for head in HEADS for name, line in SIGNALS.items()},
    "history": _HISTORY,
    "everybody": _EVERYBODY,
    "sources": _SOURCES,
    "seen": _SEEN,
    "spacing": _SPACING,
    "exploration": _EXPLORATION,
    "commercial": _COMMERCIAL,
    "dials": _DIALS,
    "form": _FORM,
}
"""Every key of the policy with its line, by section of the page."""

LINES: Final[dict[str, Line]] = {key: line for lines in SECTIONS.values() for key, line in lines.items()}
"""Every key of the policy with its line."""
