import tomllib

import pytest

from glaswerk.glass import Catalogue, Epoch, Policy, PolicyError, Watches, cut_epoch, default_policy

TEXT = default_policy().text


def line_of(piece: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.startswith(piece))


def test_default_policy_in_units() -> None:
    policy = default_policy()
    assert policy.weights.finish == 256
    assert policy.weights.skip == -205
    assert policy.head("finish").topic == 65536
    assert policy.decay.fresh_hours == 24 * 3_600_000
    assert policy.exploration.share == 6554
    assert policy.text == TEXT


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("creator_gap = 3", "creator_gpa = 3", "unknown key spacing.creator_gpa (did you mean creator_gap?)"),
        ("creator_gap = 3", "creator_gap = 3.5", "spacing.creator_gap must be a whole number"),
        ("creator_gap = 3", "creator_gap = true", "spacing.creator_gap must be a whole number"),
        ("creator_gap = 3", "creator_gap = 51", "spacing.creator_gap must lie between 0 and 50"),
        ("cap = 0.2", "cap = 1.2", "commercial.cap must lie between 0 and 1"),
        ("audience = 50", 'audience = "50"', "exploration.audience must be a whole number"),
        ('rule = "impression"', 'rule = "never"', 'seen.rule must be "impression" or "watch"'),
        ("bias = -0.6", "bias = nan", "heads.finish.bias must lie between -20 and 20"),
        (
            "finish = 1.0                 # ... that you",
            "finish = 0.0 # ",
            "weights.finish must be above 0: watching counts",
        ),
    ],
)
def test_a_wrong_line_is_named(old: str, new: str, said: str) -> None:
    assert TEXT.count(old) >= 1
    with pytest.raises(PolicyError) as caught:
        Policy.parse(TEXT.replace(old, new, 1))
    assert str(caught.value) == f"line {line_of(old)}: {said}"


def test_a_missing_key_names_its_section() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(TEXT.replace("creator_gap = 3", "#", 1))
    assert str(caught.value) == f"line {line_of('[spacing]')}: missing key spacing.creator_gap"


def test_a_missing_section_is_named() -> None:
    with pytest.raises(PolicyError, match="missing key commercial"):
        Policy.parse(TEXT[: TEXT.index("[commercial]")])


def test_an_unknown_section_is_named() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(TEXT + "\n[magic]\nconstant = 3\n")
    assert str(caught.value) == f"line {len(TEXT.splitlines()) + 2}: unknown key magic"


def test_a_section_that_is_a_number() -> None:
    with pytest.raises(PolicyError, match="commercial must be a section"):
        Policy.parse(
            TEXT[: TEXT.index("[weights]")]
            + "commercial = 1\n"
            + TEXT[TEXT.index("[weights]") : TEXT.index("[commercial]")]
        )


def test_text_that_is_not_toml_names_the_line() -> None:
    with pytest.raises(PolicyError, match="line 1"):
        Policy.parse("weights = = 1")


def test_every_key_is_explained() -> None:
    """Each key, or the heading of its section, says in words what it is for; those of the heads are explained above them."""
    section = ""
    for line in TEXT.splitlines():
        if line.startswith("["):
            section = line
        elif "=" in line.split("#")[0] and not section.startswith("[heads."):
            assert "#" in line or "#" in section, line


def test_the_policy_is_part_of_the_epoch_word_for_word() -> None:
    text = TEXT.replace("creator_gap = 3", "creator_gap = 4")
    one = Epoch.from_bytes(cut_epoch(Catalogue.empty(), Watches.empty(), default_policy(), 1))
    other = Epoch.from_bytes(cut_epoch(Catalogue.empty(), Watches.empty(), Policy.parse(text), 1))
    assert other.policy.text == text
    assert other.policy.spacing.creator_gap == 4
    assert one.sha256 != other.sha256
    assert tomllib.loads(text)["spacing"]["creator_gap"] == 4
