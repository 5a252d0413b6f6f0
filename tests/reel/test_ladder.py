from hypothesis import example, given
from hypothesis import strategies as st

from glaswerk.reel.ladder import SHORT_EDGES, Family, first_rung, fit, rungs

sides = st.integers(16, 8192)


@given(sides, sides)
@example(361, 361)
@example(8192, 16)
@example(719, 1281)
def test_sizes_are_even_never_larger_and_keep_the_shape(width: int, height: int) -> None:
    for short_edge in SHORT_EDGES:
        wide, high = fit(width, height, short_edge)
        assert wide % 2 == 0 and high % 2 == 0
        assert 2 <= wide <= width and 2 <= high <= height
        assert min(wide, high) <= short_edge
        assert max(wide, high) <= 4 * short_edge
        scale = min(1, short_edge / min(width, height), 4 * short_edge / max(width, height))
        assert abs(wide - width * scale) <= 1 or wide == 2
        assert abs(high - height * scale) <= 1 or high == 2


@given(sides, sides)
def test_rungs_go_down_and_differ(width: int, height: int) -> None:
    ladder = rungs(width, height)
    sizes = [(rung.width, rung.height) for rung in ladder]
    assert len(set(sizes)) == len({rung.name for rung in ladder}) == len(sizes)
    assert sizes == sorted(sizes, reverse=True)
    bitrates = [rung.max_bitrate for rung in ladder]
    assert bitrates == sorted(bitrates, reverse=True)
    assert len(sizes) == 1 or min(width, height) > 360 or max(width, height) > 4 * 360


def test_usual_sizes() -> None:
    def sizes(width: int, height: int) -> list[tuple[int, int]]:
        return [(rung.width, rung.height) for rung in rungs(width, height)]

    assert sizes(1080, 1920) == [(1080, 1920), (720, 1280), (540, 960), (360, 640)]
    assert sizes(3840, 2160) == [(1920, 1080), (1280, 720), (960, 540), (640, 360)]
    assert sizes(540, 960) == [(540, 960), (360, 640)]
    assert sizes(854, 480) == [(854, 480), (640, 360)]
    assert sizes(641, 361) == [(640, 360)]
    assert sizes(360, 640) == [(360, 640)]
    assert sizes(101, 77) == [(100, 76)]


def test_families_have_the_same_sizes_and_names_of_their_own() -> None:
    ladder = rungs(720, 1280, (Family.H264, Family.AV1))
    plain, second = ladder[:3], ladder[3:]
    assert [(each.width, each.height) for each in plain] == [(each.width, each.height) for each in second]
    assert [each.name for each in ladder] == ["720", "540", "360", "720-av1", "540-av1", "360-av1"]


@given(sides, sides)
def test_the_first_rendition_plays_everywhere_and_is_quickly_made(width: int, height: int) -> None:
    ladder = rungs(width, height, (Family.H264, Family.AV1))
    first = first_rung(ladder)
    assert first.family is Family.H264
    assert min(first.width, first.height) <= 540
    larger = [each for each in ladder if each.width * each.height > first.width * first.height]
    assert all(min(each.width, each.height) > 540 for each in larger)
