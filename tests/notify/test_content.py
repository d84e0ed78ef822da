"""What a person reads, whatever the service: headlines, counts, lateness, and which links are links."""

import pytest
from msgspec.structs import replace

from responder.core.model import HOUR, MINUTE, SECOND, Alert
from responder.core.notification import Notification
from responder.notify import content
from tests.notify.notices import MONDAY, alert, notification


def down(number: int, pod: str, summary: str = "") -> Alert:
    notes = {"summary": summary} if summary else {}
    return alert(number, notes, alertname="Down", namespace="shop", service="web", pod=pod)


def pods(*names: str) -> tuple[Alert, ...]:
    return tuple(down(number, name) for number, name in enumerate(names, start=1))


@pytest.mark.parametrize(
    ("told", "headline", "counts"),
    [
        (notification(firing=pods("a")), "Firing: Down, shop / web / a", "1 firing"),
        (notification(firing=pods("a", "b")), "Firing (2): Down, shop / web", "2 firing"),
        (
            notification(firing=pods("a"), resolved=(down(9, "b"),)),
            "Firing: Down, shop / web",
            "1 firing, 1 resolved",
        ),
        (notification(resolved=pods("a")), "Resolved: Down, shop / web / a", "1 resolved"),
        (notification(stale=pods("a")), "Stale: Down, shop / web / a", "1 stale"),
        (
            notification(firing=(alert(1, alertname="A"), alert(2, alertname="B"))),
            "Firing (2): 2 kinds of alert",
            "2 firing",
        ),
        (notification(firing=(alert(1, severity="critical"),)), "Firing: Alert without a name", "1 firing"),
    ],
)
def test_the_headline_says_state_number_name_and_place(
    told: Notification, headline: str, counts: str
) -> None:
    assert (content.headline(told), content.counts(told)) == (headline, counts)
    assert content.title(told) == headline.partition(": ")[2]


def test_a_headline_is_one_line_of_bounded_length() -> None:
    told = notification(firing=(alert(1, alertname="A\r\nB\u202e" + "x" * 500),))
    assert content.headline(told, 20) == "Firing: A B" + "x" * 8 + "…"


@pytest.mark.parametrize(
    ("since", "skipped", "words"),
    [
        (0, 0, ""),
        (MINUTE - SECOND, 0, ""),
        (3 * MINUTE, 0, "3m late"),
        (MINUTE, 1, "1m late, 1 earlier state skipped"),
        (0, 4, "4 earlier states skipped"),
        (2 * HOUR + 59 * SECOND, 0, "2h late"),
    ],
)
def test_lateness_is_said_from_a_minute_on(since: int, skipped: int, words: str) -> None:
    told = replace(notification(), since=MONDAY, skipped=skipped)
    assert content.lateness(told, MONDAY + since) == words


def test_lateness_counts_from_the_row_itself_where_nothing_was_skipped() -> None:
    assert content.lateness(notification(), MONDAY + 5 * MINUTE) == "5m late"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://runbooks.example/a?b=c#d", True),
        ("http://10.0.0.1:9090/graph", True),
        ("javascript:alert(1)", False),
        ("JaVaScript:alert(1)", False),
        ("data:text/html,x", False),
        ("//host/path", False),
        ("https://", False),
        ("https://user:secret@host/", False),
        ("https://user@host/", False),
        ("https://host/a b", False),
        ("https://host/a\nb", False),
        ("https://host/|x>", False),
        ('https://host/"x', False),
        ("https://host/\u202ex", False),
        ("https://[host/", False),
        ("https://host/" + "x" * 2_000, False),
        ("", False),
    ],
)
def test_only_plain_web_addresses_become_links(url: str, link: bool) -> None:
    assert content.is_link(url) == link


def test_links_are_named_by_what_they_are() -> None:
    notes = {
        "runbook_url": "https://r.example/",
        "dashboard_url": "javascript:x",
        "graph_url": " https://g.example/ ",
    }
    assert content.links(alert(annotations=notes, generator_url="http://p.example/")) == [
        ("Runbook", "https://r.example/"),
        ("Graph", "https://g.example/"),
        ("Source", "http://p.example/"),
    ]


def test_the_plain_text_says_everything_and_cuts_with_a_count() -> None:
    alerts = tuple(down(n, f"p{n}", f"pod {n} is\ndown") for n in range(1, 5))
    text = content.plain(notification(firing=alerts), "https://responder.example", MONDAY, most=2)
    assert text.splitlines() == [
        "Firing (4): Down, shop / web",
        "Began: 4 firing.",
        "- firing: pod 1 is down (pod=p1)",
        "- firing: pod 2 is down (pod=p2)",
        "and 2 more.",
        "Incident 1-0, https://responder.example",
    ]
