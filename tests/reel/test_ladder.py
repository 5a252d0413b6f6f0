from hypothesis import example, given
from hypothesis import strategies as st

from glaswerk.reel.ladder import fit, rungs

sides = st.integers(16, 8192)


@given(sides, sides)
@example(361, 361)
@example(8192, 16)
@example(719, 1281)
def test_sizes_are_even_never_larger_and_keep_the_shape(width: int, height: int) -> None:
    for short_edge in (720, 360):
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
    assert len(set(sizes)) == len(sizes)
    assert sizes == sorted(sizes, reverse=True)
    bitrates = [rung.max_bitrate for rung in ladder]
    assert bitrates == sorted(bitrates, reverse=True)
    assert len(sizes) == 1 or min(width, height) > 360 or max(width, height) > 4 * 360


def test_usual_sizes() -> None:
    def sizes(width: int, height: int) -> list[tuple[int, int]]:
        return [(rung.width, rung.height) for rung in rungs(width, height)]

    assert sizes(1080, 1920) == [(720, 1280), (360, 640)]
    assert sizes(3840, 2160) == [(1280, 720), (640, 360)]
    assert sizes(854, 480) == [(854, 480), (640, 360)]
    assert sizes(641, 361) == [(640, 360)]
    assert sizes(360, 640) == [(360, 640)]
    assert sizes(101, 77) == [(100, 76)]
