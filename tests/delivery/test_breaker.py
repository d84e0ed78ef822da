"""The circuit breaker and the token bucket by themselves."""

import pytest

from responder.core.model import SECOND
from responder.delivery.breaker import Breaker, Bucket
from responder.settings.values import PACES, Pace


def opened_breaker() -> Breaker:
    breaker = Breaker(after=2, probe=5, max_probe=12)
    breaker.failed(1, "refused", 100)
    breaker.failed(1, "timeout", 100)
    return breaker


def test_it_opens_at_the_last_failure_allowed_and_remembers_why() -> None:
    breaker = Breaker(after=2, probe=5, max_probe=12)
    breaker.failed(1, "refused", 100)
    assert (breaker.opened, breaker.allows(100)) == (False, True)
    breaker.failed(2, "timeout", 100)
    assert (breaker.opened, breaker.reason, breaker.probe_at) == (True, "timeout", 105)
    assert [breaker.allows(now) for now in (100, 104, 105)] == [False, False, True]


def test_one_probe_at_a_time_ever_more_rarely() -> None:
    breaker, now, waits = opened_breaker(), 100, []
    for row in range(10, 14):
        waits.append(breaker.probe_at - now)
        now = breaker.probe_at
        breaker.began(row)
        assert not breaker.allows(now + 1_000)
        breaker.failed(99, "refused", now)  # was under way before: counts for nothing
        assert breaker.probing == row
        breaker.failed(row, "refused", now)
    assert waits == [5, 10, 12, 12]


def test_an_answer_closes_it_and_the_next_time_begins_anew() -> None:
    breaker = opened_breaker()
    breaker.began(3)
    breaker.failed(3, "refused", 105)
    breaker.answered()
    assert (breaker.opened, breaker.failures, breaker.allows(105)) == (False, 0, True)
    breaker.failed(4, "refused", 200)
    breaker.failed(4, "refused", 200)
    assert breaker.probe_at == 205


def test_a_probe_that_says_nothing_leaves_it_to_another() -> None:
    breaker = opened_breaker()
    breaker.began(3)
    breaker.abandoned(9, 105)
    assert breaker.probing == 3
    breaker.abandoned(3, 105)
    assert (breaker.opened, breaker.allows(109), breaker.allows(110)) == (True, False, True)


def test_a_bucket_holds_a_burst_and_fills_at_its_rate() -> None:
    bucket = Bucket(Pace(rate=0.5, burst=2), 0)
    assert bucket.tokens(0) == 1  # an earlier process may just have used what there was
    bucket.take(0)
    assert (bucket.tokens(0), bucket.tokens(SECOND)) == (0, 0)
    assert bucket.ready_at(SECOND) == 2 * SECOND + 1
    assert bucket.tokens(2 * SECOND + 1) == 1
    assert bucket.ready_at(3 * SECOND) == 3 * SECOND
    assert bucket.tokens(3600 * SECOND) == 2


@pytest.mark.parametrize(("kind", "seconds", "most"), [("slack", 1, 1), ("pagerduty", 60, 120)])
def test_no_default_pace_exceeds_what_a_service_allows(kind: str, seconds: int, most: int) -> None:
    now = 1_000 * SECOND
    bucket, sent = Bucket(PACES[kind], 0), []
    while now < 1_200 * SECOND:
        now = bucket.ready_at(now)
        bucket.take(now)
        sent.append(now)
    window = seconds * SECOND
    assert max(sum(at - window < one <= at for one in sent) for at in sent) <= most
