"""The rate limit: exact under races, each key by itself, and swept up behind itself."""

import threading
from types import SimpleNamespace

import pytest
from django.db import connection

from glaswerk.cell.rates import RateLimited, Windows, check_rate


def stop_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("glaswerk.cell.rates.time", SimpleNamespace(time=lambda: seconds))


@pytest.mark.django_db
def test_each_key_has_its_own_minute_and_a_new_one_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    minute = 4_000_000_020 // 60 * 60
    stop_clock(monkeypatch, minute + 58.5)
    for _ in range(2):
        check_rate("a", 2)
    with pytest.raises(RateLimited) as refused:
        check_rate("a", 2)
    assert refused.value.retry_after == 2
    assert str(refused.value) == "Too many at once. Please try again in 2 seconds."
    check_rate("b", 2)
    stop_clock(monkeypatch, minute + 60)
    check_rate("a", 2)


@pytest.mark.django_db
def test_windows_that_are_over_are_removed() -> None:
    # These are long over, and one of them is everybody's neighbour in the same table.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cell_cache (cache_key, value, expires) SELECT 'rate:old:' || n, '1', now() - interval '1 day'"
            " FROM generate_series(1, 20) AS n"
        )
        cursor.execute("INSERT INTO cell_cache VALUES (':1:other', 'x', now() - interval '1 day')")
    check_rate("new", 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cell_cache WHERE cache_key LIKE 'rate:old:%' OR cache_key = ':1:other'")
        assert cursor.fetchall() == [(":1:other",)]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_the_allowed_number_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clock(monkeypatch, 4_100_000_000.0)
    start, ends = threading.Barrier(20), []

    def use() -> None:
        try:
            start.wait()
            check_rate("race", 7)
            ends.append(True)
        except RateLimited:
            ends.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ends.count(True), ends.count(False)) == (7, 13)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cell_cache WHERE cache_key LIKE 'rate:race:%'")


def test_a_process_counts_each_key_by_itself_and_forgets_with_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    minute, windows, before = 4_000_000_020 // 60 * 60, Windows(), threading.active_count()
    stop_clock(monkeypatch, minute + 59.9)
    assert [windows.take("feed", "a", 2) for _ in range(4)] == [True, True, False, False]
    assert [windows.take("feed", "b", 2), windows.take("events", "a", 2)] == [True, True]
    stop_clock(monkeypatch, minute + 60)
    assert [windows.take("feed", "a", 2) for _ in range(3)] == [True, True, False]
    # A clock that goes backwards opens a window as well, and lets nobody in for ever or out for ever.
    stop_clock(monkeypatch, minute - 600)
    assert [windows.take("feed", "a", 1) for _ in range(2)] == [True, False]
    assert threading.active_count() == before
