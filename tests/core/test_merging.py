"""What an update makes of an alert: Alertmanager's statements S32 and S34 to S36."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.merging import span, update
from responder.core.messages import ReceivedAlert
from responder.core.model import Alert, Source

NAME = (("alertname", "A"),)
TIMEOUT = 300
NOW = 1_000


def heard(starts: int = 0, ends: int = 0, *, resolved: bool = False, note: str = "new") -> ReceivedAlert:
    return ReceivedAlert(NAME, (("note", note),), starts, ends, f"http://{note}", resolved)


def known(starts: int, ends: int = 0, **more: Any) -> Alert:
    return Alert(1, NAME, (("note", "old"),), starts, ends, more.pop("updated_at", NOW - 1), **more)


def after(
    old: Alert, new: ReceivedAlert, source: Source = "api", *, mends: bool = True
) -> tuple[int, int, str]:
    """(starts_at, ends_at, what the update did)."""
    alert, change = update(old, new, source, NOW, TIMEOUT, mends=mends)
    return alert.starts_at, alert.ends_at, change


# -- S32 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        (0, 0, (NOW, NOW + TIMEOUT, True)),
        (0, 900, (900, 900, False)),
        (0, 2_000, (2_000, 2_000, False)),
        (800, 0, (800, NOW + TIMEOUT, True)),
        (800, 900, (800, 900, False)),
        (5_000, 0, (5_000, 5_000, True)),  # a start in the future delays nothing: the end decides
    ],
)
def test_s32_times_that_were_not_given_at_the_api(
    starts: int, ends: int, expected: tuple[int, int, bool]
) -> None:
    assert span(heard(starts, ends), "api", NOW, TIMEOUT) == expected


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (heard(), (NOW, 0, False)),
        (heard(800, 5_000), (800, 0, False)),
        (heard(resolved=True), (NOW, NOW, False)),
        (heard(800, 900, resolved=True), (800, 900, False)),
        (heard(800, 5_000, resolved=True), (800, NOW, False)),
        (heard(5_000, 6_000, resolved=True), (NOW, NOW, False)),
        (heard(900, 800, resolved=True), (800, 800, False)),
    ],
)
def test_s107_from_a_webhook_the_status_decides(
    given_: ReceivedAlert, expected: tuple[int, int, bool]
) -> None:
    assert span(given_, "webhook", NOW, TIMEOUT) == expected


def test_our_own_alerts_may_say_when_they_end() -> None:
    assert span(heard(NOW, 5_000), "responder", NOW, TIMEOUT) == (NOW, 5_000, False)


# -- S34, S35 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mends", [True, False])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # both fire and overlap: the earliest start, the newer end unless the older is later and was given
        (known(900, 1_200), heard(950, 1_300), (900, 1_300, "changed")),
        (known(900, 1_400), heard(950, 1_300), (900, 1_400, "changed")),
        (known(900, 1_400, ends_by_timeout=True), heard(950, 1_300), (900, 1_300, "changed")),
        (known(950, 1_200), heard(900, 1_100), (900, 1_200, "changed")),
        # the newer is over
        (known(900, 1_400), heard(950, 990), (900, 990, "resolved")),
        (known(900, 980), heard(850, 950), (850, 980, "changed")),
        (known(900, 980), heard(950, 990), (900, 990, "changed")),
        # the older was over and the newer fires: only where they overlap is the start kept
        (known(900, 980), heard(950, 1_200), (900, 1_200, "fired")),
        # no overlap: the newer replaces
        (known(900, 980), heard(990, 1_200), (990, 1_200, "fired")),
        (known(900, 1_200), heard(900, 1_200), (900, 1_200, "changed")),
        (known(900, 1_100), heard(900, 1_300), (900, 1_300, "changed")),
        (known(900, 1_300), heard(900, 1_300), (900, 1_300, "changed")),
    ],
)
def test_s34_s35_two_updates_are_merged_where_they_overlap(
    old: Alert, new: ReceivedAlert, expected: tuple[int, int, str], mends: bool
) -> None:
    assert after(old, new, mends=mends) == expected


def test_s35_annotations_and_the_link_are_the_newer_ones() -> None:
    alert, _ = update(known(900, 1_200), heard(950, 1_300), "api", NOW, TIMEOUT, mends=True)
    assert (alert.annotations, alert.generator_url, alert.updated_at) == (
        (("note", "new"),),
        "http://new",
        NOW,
    )


def test_a_renewal_that_changes_nothing_anybody_is_told_of() -> None:
    assert after(known(900, 1_200), heard(900, 1_300, note="old"))[2] == "renewed"
    assert after(known(900), heard(900, note="old"), "webhook") == (900, 0, "renewed")


def test_an_end_given_by_a_timeout_is_remembered_as_such() -> None:
    alert, _ = update(known(900, 1_200), heard(900), "api", NOW, TIMEOUT, mends=True)
    assert (alert.ends_at, alert.ends_by_timeout) == (NOW + TIMEOUT, True)
    alert, _ = update(known(900, 5_000), heard(950), "api", NOW, TIMEOUT, mends=True)
    assert (alert.ends_at, alert.ends_by_timeout) == (5_000, False)


def test_a_webhook_takes_over_from_the_api_and_the_other_way_round() -> None:
    assert after(known(900, 1_200), heard(900, note="old"), "webhook") == (900, 0, "renewed")
    assert after(known(900), heard(900, 1_200, note="old"), "api") == (900, 1_200, "renewed")


def test_an_end_is_an_end_however_far_away_the_known_one_is() -> None:
    assert after(known(900), heard(900, 990, resolved=True), "webhook") == (900, 990, "resolved")


# -- episodes ---------------------------------------------------------------------------------


def test_each_time_it_fires_again_is_another_episode() -> None:
    alert, change = update(known(900, 950), heard(960, 1_200), "api", NOW, TIMEOUT, mends=True)
    assert (alert.episode, change) == (2, "fired")
    alert, change = update(alert, heard(960, 1_300), "api", NOW, TIMEOUT, mends=True)
    assert (alert.episode, change) == (2, "changed" if alert.annotations == () else "renewed")


def test_a_stale_alert_that_is_renewed_fires_anew_and_one_that_ends_just_ends() -> None:
    stale = known(900, stale=True)
    alert, change = update(stale, heard(900), "webhook", NOW, TIMEOUT, mends=True)
    assert (alert.stale, alert.episode, change) == (False, 2, "fired")
    alert, change = update(stale, heard(900, 990, resolved=True), "webhook", NOW, TIMEOUT, mends=True)
    assert (alert.stale, alert.episode, change) == (False, 1, "resolved")


# -- S36 --------------------------------------------------------------------------------------


def test_s36_a_late_end_of_an_earlier_episode_is_ignored() -> None:
    old = known(900, 1_200)
    assert update(old, heard(800, 899), "api", NOW, TIMEOUT, mends=True) == (old, "ignored")
    assert after(old, heard(800, 899), mends=False) == (800, 899, "resolved")
    assert after(old, heard(800, 900)) == (800, 900, "resolved")


def test_s36_a_late_firing_of_an_episode_that_was_said_to_be_over_is_ignored() -> None:
    old = known(900, 950, updated_at=960)
    assert update(old, heard(900), "webhook", NOW, TIMEOUT, mends=True) == (old, "ignored")
    assert update(old, heard(900, 1_200), "api", NOW, TIMEOUT, mends=True) == (old, "ignored")
    assert after(old, heard(900), "webhook", mends=False) == (900, 0, "fired")
    assert after(old, heard(901), "webhook") == (900, 0, "fired")


def test_s36_one_that_merely_ran_out_may_come_back_with_its_old_start() -> None:
    ran_out = known(900, 990, updated_at=950)
    assert after(ran_out, heard(900, 1_200)) == (900, 1_200, "fired")


def test_s36_an_end_without_a_start_or_by_a_clock_ahead_of_ours_is_believed() -> None:
    assert after(known(950), heard(0, 940)) == (940, 940, "resolved")
    ahead = known(1_400)
    assert after(ahead, heard(1_400, 1_500, resolved=True), "webhook") == (NOW, NOW, "resolved")


def test_s36_our_own_alerts_may_begin_again_at_the_instant_at_which_they_ended() -> None:
    old = known(NOW, NOW, updated_at=NOW, source="responder")
    assert after(old, heard(NOW), "responder") == (NOW, 0, "fired")


# -- as a whole -------------------------------------------------------------------------------

TIMES = st.integers(1, 20)


def plainly(old: Alert, new: ReceivedAlert, now: int) -> tuple[int, int]:
    """Alertmanager's merge, written down as its documentation says it, for ends that are all given."""
    if not (old.starts_at < new.ends_at < old.ends_at or old.starts_at < new.starts_at < old.ends_at):
        return new.starts_at, new.ends_at
    starts = min(old.starts_at, new.starts_at)
    old_over, new_over = old.ends_at <= now, new.ends_at <= now
    if new_over:
        return starts, max(old.ends_at, new.ends_at) if old_over else new.ends_at
    return starts, max(old.ends_at, new.ends_at)


@given(TIMES, TIMES, TIMES, TIMES, TIMES)
def test_as_alertmanager_any_two_are_merged_as_it_does(a: int, b: int, c: int, d: int, now: int) -> None:
    old = Alert(1, NAME, (), min(a, b), max(a, b), 0)
    new = ReceivedAlert(NAME, (), min(c, d), max(c, d), "", resolved=False)
    alert, _ = update(old, new, "api", now, TIMEOUT, mends=False)
    assert (alert.starts_at, alert.ends_at) == plainly(old, new, now)


def test_an_update_names_what_it_did_consistently() -> None:
    spans = list(itertools.product(range(1, 8), range(1, 8)))
    for (s1, e1), (s2, e2), mends in itertools.product(spans, spans, (True, False)):
        if e1 < s1 or e2 < s2:
            continue
        old = Alert(1, NAME, (), s1, e1, min(e1, 4))
        new = ReceivedAlert(NAME, (), s2, e2, "", resolved=False)
        alert, change = update(old, new, "api", 4, TIMEOUT, mends=mends)
        was, now = old.resolved_at(4), alert.resolved_at(4)
        assert (change == "fired") == (was and not now)
        assert (change == "resolved") == (now and not was)
        assert (alert is old) == (change == "ignored")
        assert alert.episode == old.episode + (change == "fired")
