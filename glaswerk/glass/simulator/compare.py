"""The comparison: one warm-up for all, then every policy in a world of its own, and what came of it."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from glaswerk.glass.fitting import TooLittle
from glaswerk.glass.policy import Policy, default_policy
from glaswerk.glass.simulator.contenders import Contender, Formula, Mixture, Newest, Popularity
from glaswerk.glass.simulator.figures import BASE, add_ratios, figures_of
from glaswerk.glass.simulator.glass import Glass
from glaswerk.glass.simulator.ledger import Ledger
from glaswerk.glass.simulator.lessons import Ranker, compare_heads, has_lightgbm, learn, read_log
from glaswerk.glass.simulator.mind_reader import MindReader
from glaswerk.glass.simulator.run import Diary, Simulation
from glaswerk.glass.simulator.settings import DAY_MS, LOG_DAYS, START_MS, Settings
from glaswerk.glass.simulator.skips import skip_topics
from glaswerk.glass.simulator.world import make_world

TITLES: Final = {
    "popularity": "Popularity",
    "newest": "Newest first",
    "formula": "Hand-weighted formula",
    "lightgbm": "LightGBM ranker",
    "glass": "Glass, policy alone",
    "glass_learned": "Glass, learned heads",
    "mind_reader": "Mind reader (knows the tastes; a ceiling)",
}
"""Every policy, in the order of a report."""

_WITHOUT_LIGHTGBM: Final = "LightGBM is left out, for it is not installed (pip install lightgbm)"

Tell = Callable[[str, float], None]
"""Told what is being worked on and how much of it is done, 0..1."""


def simulate(settings: Settings, policy: Policy | None = None, tell: Tell = lambda what, done: None) -> dict[str, Any]:
    """Everything, JSON-ready: settings, policies (by name, the figures of `figures_of` and more), the AUC of heads
    (None where there was too little to learn from), left_out (sentences on what could not take part).

    policy: the text that Glass ranks by, else the shipped one. Equal arguments give equal figures.
    """
    policy = policy or default_policy()
    left_out: list[str] = []
    tell("world", 0.0)
    world = make_world(settings)
    warm = Simulation(world, Ledger(world), Mixture())
    warm.days(START_MS, settings.begin_ms, settings.begin_ms - LOG_DAYS * DAY_MS, lambda done: tell("warm-up", done))
    tell("heads", 0.0)
    log = read_log(warm.shown, policy)
    warm.shown.clear()
    contenders: list[Contender] = [Popularity(), Newest(), Formula()]
    heads, ours = None, [Glass("glass", policy)]
    try:
        heads = compare_heads(log, settings.seed, policy)
        tell("heads", 0.6)
        ours.append(Glass("glass_learned", policy, learn(log, settings.seed)))
    except TooLittle as reason:
        left_out.append(f"Nothing is learned in so small a world: {reason}")
    if has_lightgbm():
        contenders.append(Ranker(log, settings.seed, policy))
    else:
        left_out.append(_WITHOUT_LIGHTGBM)
    contenders += [*ours, MindReader(world)]
    tell("heads", 1.0)
    policies: dict[str, dict[str, Any]] = {}
    diaries: dict[str, Diary] = {}
    for contender in contenders:
        name = contender.name
        figures, diaries[name] = _run(world, settings, warm.ledger.copy(), contender, tell)
        policies[name] = {"title": TITLES[name], **figures}
    add_ratios(world, policies, diaries)
    return {
        "settings": asdict(settings),
        "base": BASE,
        "policy_sha256": hashlib.sha256(policy.text.encode()).hexdigest(),
        "videos_in_all": len(world.clips.ids),
        "pumped_among_videos": round(float(world.hidden_clips.pumped.mean()), 5),
        "sessions": len(diaries[BASE].session("viewer")),
        "policies": policies,
        "heads_auc_of_finish": heads,
        "left_out": left_out,
    }


def _run(
    world: Any, settings: Settings, ledger: Ledger, contender: Contender, tell: Tell
) -> tuple[dict[str, Any], Diary]:
    title = TITLES[contender.name]
    simulation = Simulation(world, ledger, contender)
    simulation.days(settings.begin_ms, settings.end_ms, progress=lambda done: tell(title, 0.7 * done))
    board = ledger.board(settings.end_ms)
    contender.look(board)
    skips = skip_topics(settings, ledger, board, contender)
    simulation.rush(lambda done: tell(title, 0.7 + 0.3 * done))
    figures = figures_of(world, simulation.diary)
    figures["three_skips"] = {
        **asdict(skips), "ratio": _rounded(skips.ratio), "ratio_to_before": _rounded(skips.ratio_to_before),
    }  # fmt: skip
    return figures, simulation.diary


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
