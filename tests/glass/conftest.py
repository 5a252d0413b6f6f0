import pytest

from glaswerk.glass import Epoch, warm_up

from .synthetic import make_epoch


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    warm_up()


@pytest.fixture(scope="session")
def small() -> Epoch:
    """60 videos, 10 topics, 12 creators."""
    return make_epoch(60)


@pytest.fixture(scope="session")
def large() -> Epoch:
    """10,000 videos, 10 topics, 500 creators."""
    return make_epoch(10_000, creators=500, people=1000)
