"""Whether it is time to act: how long the alert fires, and how steadily.

The guards `trigger_age` and `flap`, which only runs that an alert started must pass. Neither believes an
alert that nobody has confirmed.
"""

from responder.core.guards.answers import allow, deny, moment, not_before, span
from responder.core.guards.autonomy import one_person
from responder.core.guards.situation import CannotTell, Situation, known
from responder.core.model import format_duration
from responder.core.run import GuardResult


def trigger_age(situation: Situation) -> GuardResult:
    """G5: the alert fires for long enough, and still does; before a step that was asked just now."""
    now, since = situation.now, situation.fires_since
    if since is None:
        return deny("none of its alerts fires any more")
    least = max(situation.rules.min_age, situation.runbook.guards.min_age or 0)
    if now < since + least:
        ripe = since + least
        return not_before(
            situation,
            ripe,
            f"the alert fires for {span(now - since)}, it takes {format_duration(least)};"
            f" again at {moment(ripe, now)}",
        )
    if situation.asks_prometheus or (situation.facts is not None and situation.facts.firing_asked):
        return _still_asked(situation)
    if situation.when == "step":
        # Whether Prometheus was asked is known from what was found out: without that, nothing is.
        known(situation.facts, "whether the alert still fires")
    if not situation.seen_at:
        raise CannotTell("when its alerts were last heard of")
    ago = now - situation.seen_at
    if ago >= situation.stale_after:
        return deny(f"its alerts were last heard of {span(ago)} ago")
    return one_person(
        situation, f"nobody can be asked whether the alert still fires; it was heard of {span(ago)} ago"
    )


def _still_asked(situation: Situation) -> GuardResult:
    """What Prometheus says of the alert."""
    facts = situation.facts_of("whether the alert still fires", situation.rules.fresh)
    if not facts.firing_asked or facts.firing == "unknown":
        raise CannotTell("whether the alert still fires: there was no answer")
    if facts.firing == "no":
        return deny(f"the alert fires no more: {facts.firing_asked} was asked")
    since = known(situation.fires_since, "since when the alert fires")
    return allow(f"the alert fires for {span(situation.now - since)} and still does")


def flap(situation: Situation) -> GuardResult:
    """G6: an alert that comes and goes is nothing to act on by itself."""
    flaps, rules = known(situation.flaps, "how often its alerts came and went"), situation.rules
    shown = f"its alerts came and went {flaps} times in {format_duration(rules.flaps_within)}"
    if flaps > rules.flaps:
        return deny(f"{shown}, the limit is {rules.flaps}; a person may ask for the run", flaps=flaps)
    return allow(shown, flaps=flaps)
