"""Mails as they go out: headers, threads, parts, and what nothing in an alert can do to them."""

import base64
import os
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.catalogue import EmailSettings, Template
from responder.core.model import MINUTE
from responder.core.notification import Notification
from responder.notify.emailbody import topic_of
from responder.notify.letter import Receipt, address, compose, read_receipt, subject
from tests.notify.incidents import FIRST, HOSTILE, MAILS, MANY, MORE, NOW, OVER, STALE
from tests.notify.notices import MONDAY, alert

GOLDEN = Path(__file__).parent / "golden" / "email"
URL = "https://responder.example.com"


def written(
    told: Notification, topic: str = "", url: str = URL, max_alerts: int = 0, now: int = NOW, **settings: Any
) -> EmailMessage:
    given: dict[str, Any] = {
        "to": ("ops@example.com", "Jürgen Groß <j.gross@example.com>"),
        "sender": "Responder <alerts@example.com>",
        "host": "mail",
        "port": 25,
    }
    made = EmailSettings(**(given | settings))
    letter = compose(
        told, made, url, now, topic=topic or topic_of(told), recipients=made.to, max_alerts=max_alerts
    )
    assert all(len(line) <= 998 for line in letter.content.split(b"\r\n"))
    assert letter.content.isascii()
    message = message_from_bytes(letter.content, policy=default)
    assert message.defects == []
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


# -- golden files -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAILS)
def test_the_main_mails_are_as_they_were(name: str) -> None:
    """`UPDATE_GOLDEN=1` writes them anew: read the difference before you commit it."""
    message = written(MAILS[name])
    headers = "".join(f"{key}: {value}\n" for key, value in message.items())
    found = {"txt": f"{headers}\n{part(message, 'plain')}", "html": part(message, "html")}
    for kind, text in found.items():
        file = GOLDEN / f"{name}.{kind}"
        if os.environ.get("UPDATE_GOLDEN"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")


# -- subjects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (FIRST, "[Firing, critical] HighErrorRate, prod-eu-1 / checkout"),
        (MORE, "[Firing 3, critical] HighErrorRate, prod-eu-1 / checkout"),
        (OVER, "[Resolved] HighErrorRate, prod-eu-1 / checkout"),
        (STALE, "[Stale, warning] HighErrorRate, prod-eu-1 / checkout"),
        (MANY, "[Firing 60, warning] PodRestartsHigh, shop"),
    ],
)
def test_a_subject_says_the_state_in_brackets_and_then_what(told: Notification, text: str) -> None:
    assert written(told)["Subject"] == text


def test_a_topic_is_what_the_group_shares_else_what_its_alerts_share_at_first() -> None:
    assert (
        topic_of(replace(FIRST, group_labels=()))
        == "HighErrorRate, prod-eu-1 / shop / checkout / checkout-7d9f"
    )
    assert topic_of(replace(MANY, group_labels=())) == "PodRestartsHigh, shop"


def test_a_long_subject_is_cut() -> None:
    told = replace(
        FIRST,
        group_labels=(),
        firing=(alert(1, alertname="A" * 500, severity="critical", cluster="c" * 500),),
    )
    topic = topic_of(told)
    assert topic == "A" * 119 + "…"
    assert subject(told, topic) == f"[Firing, critical] {topic}"
    assert len(subject(told, "x" * 500)) == 200


# -- threads ------------------------------------------------------------------------------------


def test_an_incident_is_one_thread_and_each_row_a_mail_of_its_own() -> None:
    mails = [written(told, topic_of(FIRST)) for told in (FIRST, MORE, OVER)]
    roots = {(mail["References"], mail["In-Reply-To"]) for mail in mails}
    assert roots == {(f"<incident.{FIRST.incident}@responder.example.com>",) * 2}
    assert len({mail["Thread-Index"] for mail in mails}) == 1
    assert {mail["Thread-Topic"] for mail in mails} == {topic_of(FIRST)}
    assert {str(mail["Subject"]).partition("] ")[2] for mail in mails} == {topic_of(FIRST)}
    assert [mail["Message-ID"] for mail in mails] == [
        f"<{row}.1-695aff3c@responder.example.com>" for row in (41, 42, 43)
    ]


def test_another_incident_is_another_thread() -> None:
    one, other = written(FIRST), written(replace(FIRST, row=50, opened_at=FIRST.opened_at + MINUTE))
    for name in ("References", "In-Reply-To", "Thread-Index", "Message-ID"):
        assert one[name] != other[name]


def test_each_attempt_at_a_row_has_the_same_id_and_differs_in_what_it_says_of_the_time_alone() -> None:
    one, other = written(FIRST), written(FIRST, now=NOW + 5 * MINUTE)
    assert one["Message-ID"] == other["Message-ID"]
    assert [key for key in one if one[key] != other[key]] == ["Date"]
    assert "\n5m late.\n" in part(other, "plain")
    assert written(FIRST).as_bytes() == one.as_bytes()


def test_a_thread_index_is_a_time_and_an_id() -> None:
    raw = base64.b64decode(written(FIRST)["Thread-Index"])
    assert len(raw) == 22
    filetime = int.from_bytes(raw[:6], "big") << 16
    opened = FIRST.opened_at // 100 + 116_444_736_000_000_000
    assert 0 <= opened - filetime < 1 << 16


def test_without_threading() -> None:
    mail = written(FIRST, threading=False)
    names = ("References", "In-Reply-To", "Thread-Topic", "Thread-Index")
    assert [mail[name] for name in names] == [None] * 4
    assert mail["Message-ID"] == written(FIRST)["Message-ID"]


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://responder.example.com:9095/x", "responder.example.com"),
        ("http://127.0.0.1:9095", "example.com"),
        ("http://[::1]:9095", "example.com"),
        ("http://responder:9095", "example.com"),
    ],
)
def test_ids_are_of_the_domain_that_people_know(url: str, domain: str) -> None:
    assert str(written(FIRST, url=url)["Message-ID"]).rstrip(">").partition("@")[2] == domain


def test_a_domain_outside_ascii_is_written_for_machines() -> None:
    mail = written(FIRST, url="http://x", sender="a@bücher.example", to=("ops@bücher.example",))
    assert str(mail["Message-ID"]).endswith("@xn--bcher-kva.example>")
    assert (mail["From"], mail["To"]) == ("a@xn--bcher-kva.example", "ops@xn--bcher-kva.example")


def test_receipts() -> None:
    receipt = Receipt("x", ("a@b",))
    assert read_receipt(str(receipt)) == receipt
    for text in ("", "1733.0001", "{", "[]", '{"subject": 1}', "\ud800"):
        assert read_receipt(text) == Receipt()


# -- headers ------------------------------------------------------------------------------------


def test_a_robot_wrote_it() -> None:
    mail = written(FIRST)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Precedence"] is None
    assert mail["List-Id"] == "<platform-mail.alerts.responder.example.com>"
    assert mail["Date"] == "Mon, 05 Jan 2026 00:10:00 +0000"


@pytest.mark.parametrize(("receiver", "slug"), [("Ops  (EU)/1", "ops-eu-1"), ("日本", "receiver")])
def test_a_list_id_is_a_name_for_machines(receiver: str, slug: str) -> None:
    mail = written(replace(FIRST, receiver=receiver))
    assert mail["List-Id"] == f"<{slug}.alerts.responder.example.com>"
    assert mail["X-Responder-Receiver"] == " ".join(receiver.split())


def test_only_what_is_critical_and_fires_is_important() -> None:
    important = {name: written(told)["Importance"] for name, told in MAILS.items()}
    assert important == {
        "first": "high",
        "more": "high",
        "over": None,
        "stale": None,
        "many": None,
        "hostile": "high",
    }


def test_own_headers_replace_or_add_and_bad_ones_are_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    headers = (
        ("X-Team", "platform"),
        ("reply-to", "Ops <ops@example.com>"),
        ("Importance", "normal"),
        ("Subject", "mine"),
        ("X-Bad", "a\r\nBcc: all@example.com"),
        ("Bad Name", "x"),
        ("Bad:Name", "x"),
        ("", "x"),
        ("Message-ID", "<mine@x>"),
        ("Bcc", "all@example.com"),
        ("Content-Type", "text/plain"),
        ("MIME-Version", "2.0"),
    )
    mail, plain = written(FIRST, headers=headers), written(FIRST)
    assert {key: mail[key] for key in mail if mail[key] != plain[key]} == {
        "X-Team": "platform",
        "reply-to": "Ops <ops@example.com>",
        "Importance": "normal",
        "Subject": "mine",
    }
    assert [key for key in plain if key not in mail] == []
    assert capfd.readouterr().out.count("mail_header_left_out") == 8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "@x",
        "a@",
        "a@b\r\nBcc: c@d",
        "a b@c",
        "a@b c",
        "a@b>",
        "<a@b",
        "a,b@c",
        '"a b"@c',
        "a@[1]",
    ],
)
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not a mail address"):
        address(text)


def test_addresses() -> None:
    assert address("a.b+c@d.example").addr_spec == "a.b+c@d.example"
    named = address("Jürgen Groß <j@d.example>")
    assert (named.display_name, named.addr_spec) == ("Jürgen Groß", "j@d.example")
    assert address('"Groß, Jürgen" <j@d.example>').display_name == "Groß, Jürgen"


# -- parts --------------------------------------------------------------------------------------


def test_a_mail_is_text_or_html_as_the_reader_likes() -> None:
    mail = written(FIRST)
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    assert {one["Content-Transfer-Encoding"] for one in mail.iter_parts()} == {"quoted-printable"}


def plainly(**texts: str) -> dict[str, Template]:
    return {name: Template(text, plain=True, place="r.yaml:1:1") for name, text in texts.items()}


def test_own_templates() -> None:
    templates = plainly(subject="my\r\nsubject " + "x" * 300, text="my text: ü", html="<p>my html</p>")
    mail = written(FIRST, templates=templates)
    assert mail["Subject"] == ("my subject " + "x" * 300)[:199] + "…"
    assert (part(mail, "plain"), part(mail, "html")) == ("my text: ü\n", "<p>my html</p>\n")


def test_an_empty_html_template_leaves_the_text() -> None:
    mail = written(FIRST, templates=plainly(html="", text=""))
    assert mail.get_content_type() == "text/plain"
    assert part(mail, "plain") == part(written(FIRST), "plain")


def test_a_template_that_fails_is_replaced_by_ours(capfd: pytest.CaptureFixture[str]) -> None:
    broken = Template("{{ nothing.there.at.all }}", place="r.yaml:7:3")
    mail = written(FIRST, templates=dict.fromkeys(("subject", "text", "html"), broken))
    assert mail.as_bytes() == written(FIRST).as_bytes()
    out = capfd.readouterr().out
    assert out.count("template_failed") == 3
    assert "r.yaml:7:3" in out


# -- what an alert cannot do --------------------------------------------------------------------


def test_nothing_in_an_alert_begins_a_header() -> None:
    mail, plain = written(HOSTILE), written(FIRST)
    assert list(mail.keys()) == list(plain.keys())
    assert str(mail["Subject"]).startswith('[Firing 2, critical] Alert Subject: forged <b>"x"</b>, ')
    assert mail["To"] == plain["To"]
    assert mail["X-Responder-Receiver"] == 'ops "<b> Bcc: all@example.com'


def test_marks_that_turn_or_steer_text_are_gone() -> None:
    mail = written(HOSTILE)
    for text in (part(mail, "plain"), part(mail, "html"), str(mail["Subject"])):
        assert [char for char in text if not char.isprintable() and char != "\n"] == []


def test_sizes_are_bounded() -> None:
    """Gmail cuts a mail at 102 kB; what a phone must load is little."""
    for told in MAILS.values():
        assert len(written(told).as_bytes()) < 60_000
    everything = tuple(
        alert(
            n,
            {"summary": "<&>" * 5_000, "description": "<&>" * 9_000},
            MONDAY,
            alertname="A",
            pod="<&>" * 9_000 + str(n),
        )
        for n in range(2_000)
    )
    assert len(part(written(replace(FIRST, firing=everything)), "html")) < 250_000


def test_max_alerts_can_make_it_shorter_and_not_longer() -> None:
    assert "and 57 more" in part(written(MANY, max_alerts=3), "plain")
    assert "and 40 more" in part(written(MANY, max_alerts=50), "plain")


ANY = st.text(st.characters(exclude_categories=()), max_size=120)
NAMES = st.sampled_from(["To", "From", "Cc", "Reply-To", "Subject", "References", "X-A"]) | ANY


@given(ANY, ANY, ANY, st.lists(st.tuples(NAMES, ANY), max_size=3))
def test_any_text_makes_a_sound_mail(one: str, two: str, three: str, headers: list[tuple[str, str]]) -> None:
    annotations = {"summary": one, "description": two, "runbook_url": three}
    about = alert(1, annotations, alertname=two, cluster=three, pod=one, severity="critical")
    told = replace(
        FIRST,
        receiver=one,
        group_labels=(("alertname", two), ("cluster", three)),
        firing=(about,),
    )
    assert list(written(told).keys()) == list(written(FIRST).keys())
    settings = EmailSettings(("a@b.example",), "c@d.example", "mail", 25, headers=tuple(headers))
    letter = compose(told, settings, URL, NOW, topic=one, recipients=settings.to)
    assert letter.content.endswith(b"--\r\n")
    assert b"\r" not in letter.content.replace(b"\r\n", b"")
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
