"""The page: what happened to viewers, in a few figures, charts and a table, and what is simulated and what is not."""

from collections.abc import Callable
from html import escape
from importlib import resources
from typing import Any, Final

from glaswerk.glass.simulator.report.charts import Bar, Line, bars, lines

SHORT: Final = {
    "popularity": "Popularity",
    "newest": "Newest first",
    "formula": "Formula",
    "lightgbm": "LightGBM",
    "glass": "Glass, policy",
    "glass_learned": "Glass, learned",
    "mind_reader": "Mind reader",
}

Result = dict[str, Any]


def page_of(result: Result) -> str:
    """HTML of what `simulate` returned: one file, without scripts, that loads nothing from anywhere."""
    style = resources.files(__package__).joinpath("page.css").read_text()
    settings = result["settings"]
    people = (
        f"{settings['viewers']:,} viewers, {result['videos_in_all']:,} videos, {settings['days']} days, "
        f"{result['sessions']:,} sessions for every policy; seed {settings['seed']}."
    )
    left_out = "".join(f'<p class="note">{escape(sentence)}.</p>' for sentence in result["left_out"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What viewers got</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="kicker">glaswerk simulate</p>
<h1>What viewers got</h1>
<p class="lead-in">The same people, videos and hours under each policy, each in a world of its own. {people}</p>
{left_out}
</header>
<main>
<section class="tiles">{_tiles(result)}</section>
<section class="charts">{"".join(_charts(result))}</section>
<section>
<h2>All figures</h2>
{_table(result)}
{_heads(result)}
</section>
<section class="prose">
{_PROSE}
</section>
</main>
<footer>Policy text of Glass: SHA-256 <code>{result["policy_sha256"]}</code></footer>
</body>
</html>
"""


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _times(value: float) -> str:
    return f"{value:.2f} ×"


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _or_dash(value: float | None, text: Callable[[float], str]) -> str:
    return "–" if value is None else text(value)


def _tiles(result: Result) -> str:
    policies = result["policies"]
    glass, base = policies.get("glass_learned", policies["glass"]), policies[result["base"]]
    tiles = [
        (
            _or_dash(glass["watch_time_ratio"], _times),
            f"watch time per session, {glass['title']}, against the hand-weighted formula",
        ),
        (
            _or_dash(glass["three_skips"]["ratio"], _times),
            "what is left of a topic in the next slate after three quick skips",
        ),
        (
            _or_dash(glass["pumped_share"], _percent),
            f"of slots go to videos that bots pump; the formula gives them {_or_dash(base['pumped_share'], _percent)}",
        ),
    ]
    shown = glass["first_shown"]
    if shown["videos"]:
        tiles.insert(
            1,
            (
                _or_dash(shown["seconds_95"], _seconds),
                "from publishing to the first screen, for 95 of 100 newcomers' first videos",
            ),
        )
    return "".join(f'<div class="tile"><strong>{figure}</strong><span>{escape(name)}</span></div>' for figure, name in tiles)  # fmt: skip


def _card(heading: str, reading: str, chart: str) -> str:
    return f'<figure class="card"><h2>{escape(heading)}</h2>{chart}<figcaption>{escape(reading)}</figcaption></figure>'


def _charts(result: Result) -> list[str]:
    policies: dict[str, Result] = result["policies"]
    base = policies[result["base"]]["watch_seconds_per_session"] or 0.0

    def rows(value: Callable[[Result], float | None], missing: str = "–", ceiling: bool = True) -> list[Bar]:
        return [
            Bar(name, SHORT[name], value(figures), missing=missing)
            for name, figures in policies.items()
            if ceiling or name != "mind_reader"
        ]

    watched = []
    for name, figures in policies.items():
        low, high = (base * edge for edge in figures["watch_time_ratio_95"] or (1.0, 1.0))
        spread = (low, high) if name != result["base"] and figures["watch_time_ratio_95"] else (None, None)
        watched.append(Bar(name, SHORT[name], figures["watch_seconds_per_session"], *spread))
    days = result["settings"]["days"]
    cards = [
        _card(
            "Watch time per session",
            "The whole of every session, until disappointment or the hour ended it. Whiskers: 95 % of the difference to the "
            "formula, viewers drawn again in pairs.",
            bars("Watch time per session", "seconds", watched, lambda value: f"{value:.0f}"),
        ),
        _card(
            "Pleasure a clip, day by day",
            "Tastes drift and good videos get used up; a policy that follows keeps the line up.",
            lines(
                "Pleasure a clip by day",
                ("day", "mean pleasure, 0 to 1"),
                [Line(name, SHORT[name], _by_day(figures["pleasure_by_day"])) for name, figures in policies.items() if name != "mind_reader"],
                (lambda value: f"{value:.0f}", _plain),
                (1, max(days, 2)),
            ),
        ),
        _card(
            "Three quick skips of a topic",
            "Share of the topic in the next slate, against the same slate without those skips. 1: nobody listened.",
            bars(
                "Topic left after three skips",
                "share left",
                rows(lambda figures: figures["three_skips"]["ratio"], "no such topic", ceiling=False),
                _plain,
                {0.5: "at most"},
            ),
        ),
        _card(
            "Slots that bots bought",
            f"{_percent(result['pumped_among_videos'])} of all videos are worthless and pumped by view-bots.",
            bars("Share of slots with pumped videos", "share of slots", rows(lambda figures: figures["pumped_share"]), _percent),
        ),
        _card(
            "Slots of newcomers",
            "Videos of creators who arrived during the simulation.",
            bars("Share of slots of newcomers", "share of slots", rows(lambda figures: figures["newcomers_share"]), _percent),
        ),
    ]  # fmt: skip
    if any(figures["first_shown"]["videos"] for figures in policies.values()):
        cards.insert(
            2,
            _card(
                "Time to the first screen",
                "First videos of newcomers at 1,000 slates a minute; a new epoch every 30 seconds, in service 3 seconds later.",
                lines(
                    "Newcomers' first videos shown",
                    ("seconds since publishing", "share shown"),
                    [
                        Line(name, SHORT[name], _shown(figures["first_shown"]), stepped=True)
                        for name, figures in policies.items()
                        if name != "mind_reader"
                    ],
                    (lambda value: f"{value:.0f}", lambda value: f"{100 * value:.0f} %"),
                    (0, 120),
                    {60: "at most"},
                    whole=True,
                ),
            ),
        )
    return cards


def _by_day(values: list[float | None]) -> list[tuple[float, float]]:
    return [(day + 1, value) for day, value in enumerate(values) if value is not None]


def _shown(first: Result) -> list[tuple[float, float]]:
    """Which share was shown after so many seconds, up to two minutes."""
    points, share = [(0.0, 0.0)], 0.0
    for place, wait in enumerate(first["seconds"]):
        if wait <= 120:
            share = (place + 1) / first["videos"]
            points.append((wait, share))
    return [*points, (120.0, share)]


_COLUMNS: Final[tuple[tuple[str, Callable[[Result], str]], ...]] = (
    ("Watch time a session", lambda row: _or_dash(row["watch_seconds_per_session"], _seconds)),
    ("Against the formula", lambda row: _or_dash(row["watch_time_ratio"], _times)),
    ("Clips a session", lambda row: _or_dash(row["clips_per_session"], lambda value: f"{value:.1f}")),
    ("Pleasure a clip", lambda row: _or_dash(row["pleasure_per_clip"], lambda value: f"{value:.3f}")),
    ("Watched to the end", lambda row: _or_dash(row["finished"], _percent)),
    ("Left in two seconds", lambda row: _or_dash(row["skipped"], _percent)),
    ("Liked", lambda row: _or_dash(row["liked"], _percent)),
    ("Gave up", lambda row: _or_dash(row["gave_up"], _percent)),
    ("Topics in ten clips", lambda row: _or_dash(row["topics_in_ten"], lambda value: f"{value:.1f}")),
    ("Newcomers’ slots", lambda row: _or_dash(row["newcomers_share"], _percent)),
    ("Pumped slots", lambda row: _or_dash(row["pumped_share"], _percent)),
    ("Topic left after skips", lambda row: _or_dash(row["three_skips"]["ratio"], _plain)),
    ("First shown, median", lambda row: _or_dash(row["first_shown"]["seconds_median"], _seconds)),
    ("First shown, 95 %", lambda row: _or_dash(row["first_shown"]["seconds_95"], _seconds)),
)


def _table(result: Result) -> str:
    """Policies across, figures down: fourteen columns would not fit a phone, seven that scroll do."""
    policies: dict[str, Result] = result["policies"]
    head = "".join(f'<th scope="col" class="{name}">{escape(SHORT[name])}</th>' for name in policies)
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{"".join(f"<td>{value(figures)}</td>" for figures in policies.values())}</tr>'
        for label, value in _COLUMNS
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="All figures"><table><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heads(result: Result) -> str:
    heads = result["heads_auc_of_finish"]
    if heads is None:
        return ""
    said = f"Foretelling who watches to the end, on the last quarter of the warm-up’s log (AUC): additive heads {heads['additive']:.4f}"
    if "lightgbm" in heads:
        said += f", LightGBM {heads['lightgbm']:.4f} (ratio {heads['ratio']:.4f})"
    return f'<p class="note">{said}, the policy’s own coefficients {heads["policy"]:.4f}.</p>'


_PROSE: Final = """
<h2>What is simulated</h2>
<p>Every viewer has tastes in topics and in manners that no hashtag names. Tastes drift from day to day. Clips differ in length, in hidden
quality and in how much their first second promises. Whoever sees a clip stays or leaves at the first look, then watches as long as they care;
likes, shares and follows come from the same liking. What repeats a topic or a creator bores. Disappointment adds up, pleasure takes it
back; when patience is used up, the session ends. Newcomers publish first videos; view-bots watch worthless ones to their end.</p>
<p>A policy sees what a cell sees: counts, hashtags, and what this viewer did. It never sees a taste or a quality. The same viewer with the
same clip has the same luck under every policy. The mind reader is no policy: it knows the tastes, and shows how much there was to be had.</p>
<h2>What is not</h2>
<p>Nobody comes back more often for being pleased, nobody hears of a video from a friend, and creators do not change what they make.
People do not use dials. Pictures and sounds are not simulated, so likeness rests on words and hashtags alone. There is nothing to buy.
The model was written from what studies found about people, not from the engine’s formulas, but it is a model: it can show that a policy
fails at something; it cannot promise what people will do.</p>
<p>The hidden model with its sources stands in <code>docs/simulator.md</code>.</p>
"""
