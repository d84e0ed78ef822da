"""Handing a mail to a real SMTP server: every step, every way in which it can fail, and what that means."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from responder.core.catalogue import Secret, Template, Tls
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Attempt, Delivered, Outcome, Partly, Rejected, Retry, Unknown
from responder.notify.integration import Senders
from responder.sandbox.smtp import Stage
from tests.notify.mails import CA, TLS, TRUST, USERS, email, logged_in, mail, mail_server, server_tls
from tests.notify.notices import notification

TOLD = Delivered('{"subject":"Alert1"}')
SHORT: dict[str, Any] = {"timeout": 200 * MILLISECOND}


# -- every fault at every step ------------------------------------------------------------------

LOST = "the connection ended before the mail was sent"
FAULTS: list[tuple[Stage, str, Outcome]] = [
    ("connect", "421 4.3.2 busy", Retry("server_error", "CONNECT: 421 4.3.2 busy")),
    ("connect", "421 4.7.0 too many", Retry("rate_limited", "CONNECT: 421 4.7.0 too many")),
    ("connect", "554 5.7.1 not you", Rejected("client_error", "CONNECT: 554 5.7.1 not you")),
    ("connect", "hello there", Retry("server_error", "CONNECT: the answer is not SMTP")),
    ("connect", "reset", Retry("network", f"CONNECT: {LOST}")),
    ("connect", "hang", Retry("timeout", "CONNECT: no answer within 0.2s")),
    ("ehlo", "421 4.3.2 going down", Retry("server_error", "EHLO: 421 4.3.2 going down")),
    ("ehlo", "550 5.7.0 bad name", Rejected("client_error", "EHLO: 550 5.7.0 bad name")),
    ("ehlo", "reset", Retry("network", f"EHLO: {LOST}")),
    ("ehlo", "hang", Retry("timeout", "EHLO: no answer within 0.2s")),
    ("starttls", "454 4.7.0 not now", Retry("rate_limited", "STARTTLS: 454 4.7.0 not now")),
    ("starttls", "502 5.5.1 no", Rejected("client_error", "STARTTLS: 502 5.5.1 no")),
    ("starttls", "reset", Retry("network", f"STARTTLS: {LOST}")),
    ("starttls", "hang", Retry("timeout", "STARTTLS: no answer within 0.2s")),
    ("auth", "454 4.7.0 no database", Retry("server_error", "AUTH: 454 4.7.0 no database")),
    ("auth", "535 5.7.8 wrong", Rejected("auth_error", "AUTH: 535 5.7.8 wrong")),
    ("auth", "reset", Retry("network", f"AUTH: {LOST}")),
    ("auth", "hang", Retry("timeout", "AUTH: no answer within 0.2s")),
    ("mail", "451 4.3.0 try later", Retry("server_error", "MAIL: 451 4.3.0 try later")),
    ("mail", "450 4.2.1 rate exceeded", Retry("rate_limited", "MAIL: 450 4.2.1 rate exceeded")),
    ("mail", "553 5.7.1 not yours", Rejected("client_error", "MAIL: 553 5.7.1 not yours")),
    ("mail", "530 5.7.0 log in", Rejected("auth_error", "MAIL: 530 5.7.0 log in")),
    ("mail", "reset", Retry("network", f"MAIL: {LOST}")),
    ("mail", "hang", Retry("timeout", "MAIL: no answer within 0.2s")),
    ("rcpt", "451 4.3.0 later", Retry("server_error", "RCPT: ops@example.com: 451 4.3.0 later")),
    ("rcpt", "450 4.7.1 Greylisted", Retry("rate_limited", "RCPT: ops@example.com: 450 4.7.1 Greylisted")),
    ("rcpt", "452 4.2.2 over quota", Retry("rate_limited", "RCPT: ops@example.com: 452 4.2.2 over quota")),
    ("rcpt", "550 5.1.1 who?", Rejected("client_error", "RCPT: ops@example.com: 550 5.1.1 who?")),
    ("rcpt", "530 5.7.0 log in", Rejected("auth_error", "RCPT: ops@example.com: 530 5.7.0 log in")),
    ("rcpt", "reset", Retry("network", f"RCPT: {LOST}")),
    ("rcpt", "hang", Retry("timeout", "RCPT: no answer within 0.2s")),
    ("data", "451 4.3.0 later", Retry("server_error", "DATA: 451 4.3.0 later")),
    ("data", "554 5.6.0 no", Rejected("client_error", "DATA: 554 5.6.0 no")),
    ("data", "reset", Retry("network", f"DATA: {LOST}")),
    ("data", "hang", Retry("timeout", "DATA: no answer within 0.2s")),
    ("dot", "421 4.3.0 full", Retry("server_error", "DATA: 421 4.3.0 full")),
    ("dot", "451 4.3.0 later", Retry("server_error", "DATA: 451 4.3.0 later")),
    ("dot", "554 5.7.1 spam", Rejected("client_error", "DATA: 554 5.7.1 spam")),
    ("dot", "thanks a lot", Unknown("the answer to the mail is not SMTP")),
    ("dot", "hang", Retry("timeout", "no answer to the mail within 0.2s")),
    ("dot", "reset", Unknown("the connection ended before an answer to the mail came")),
    ("dot", "reset_after", Unknown("the connection ended before an answer to the mail came")),
]


@pytest.mark.parametrize(("stage", "kind", "outcome"), FAULTS, ids=[f"{f[0]}-{f[1]}" for f in FAULTS])
async def test_a_fault_and_then_none(senders: Senders, stage: Stage, kind: str, outcome: Outcome) -> None:
    taken = 1 if kind == "reset_after" else 0
    async with mail_server(tls=server_tls(), users=USERS) as server:
        server.fault(stage, kind)
        settings = {"tls": TRUST, "require_tls": True, **logged_in(), **(SHORT if kind == "hang" else {})}
        assert await mail(senders, server, **settings) == outcome
        assert (len(server.mails), server.connections) == (taken, 1)
        assert await mail(senders, server, **settings) == TOLD
        assert (len(server.mails), server.connections) == (taken + 1, 2)


async def test_without_a_login_the_answer_says_that_none_is_set(senders: Senders) -> None:
    async with mail_server(users=USERS, require_login=True) as server:
        assert await mail(senders, server) == Rejected(
            "auth_error", "MAIL: 530 5.7.0 Authentication required (no auth_username is set)"
        )


@pytest.mark.parametrize("kind", ["reset", "500 5.0.0 what?", "nonsense"])
async def test_what_comes_of_quit_changes_nothing(senders: Senders, kind: str) -> None:
    async with mail_server() as server:
        server.fault("quit", kind)
        assert await mail(senders, server) == TOLD
        assert len(server.mails) == 1


async def test_a_closed_port(senders: Senders) -> None:
    async with mail_server() as server:
        pass
    assert await mail(senders, server) == Retry("refused", "connection refused")


async def test_a_name_that_does_not_resolve(senders: Senders) -> None:
    async with mail_server() as server:
        outcome = await mail(senders, server, host="nowhere.invalid")
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "name resolution")


@pytest.mark.parametrize("settings", [{"host": "a\nb"}, {"hello": ""}, {"hello": "a b"}])
async def test_what_no_session_can_be_had_with(senders: Senders, settings: dict[str, Any]) -> None:
    async with mail_server() as server:
        outcome = await mail(senders, server, **settings)
    assert outcome == Rejected("client_error", "no SMTP session can be had with this host, port or hello")


async def test_a_send_that_is_cancelled_leaves_no_connection(senders: Senders) -> None:
    async with mail_server() as server:
        server.fault("data", "hang")
        task = asyncio.create_task(mail(senders, server))
        await server.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(server.mails) == []


# -- TLS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_required(senders: Senders, implicit: bool) -> None:
    async with mail_server(tls=server_tls(), implicit_tls=implicit) as server:
        for settings in ({"tls": TRUST}, {"tls": Tls(ca=CA), "host": "localhost"}):
            outcome = await mail(senders, server, require_tls=True, implicit_tls=implicit, **settings)
            assert outcome == TOLD
        assert [taken.encrypted for taken in server.mails] == [True, True]


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("tls", [None, Tls(), Tls(ca=CA), Tls(server_name="hooks.test")])
async def test_a_certificate_that_does_not_fit(senders: Senders, tls: Tls | None, implicit: bool) -> None:
    async with mail_server(tls=server_tls(), implicit_tls=implicit) as server:
        outcome = await mail(senders, server, tls=tls, require_tls=True, implicit_tls=implicit)
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "certificate")
        assert list(server.mails) == []


@pytest.mark.parametrize("implicit", [False, True])
async def test_verification_can_be_left_out(senders: Senders, implicit: bool) -> None:
    async with mail_server(tls=server_tls(), implicit_tls=implicit) as server:
        tls = Tls(insecure_skip_verify=True)
        assert await mail(senders, server, tls=tls, require_tls=True, implicit_tls=implicit) == TOLD


@pytest.mark.parametrize("implicit", [False, True])
async def test_versions_that_do_not_meet(senders: Senders, implicit: bool) -> None:
    context = server_tls()
    context.maximum_version = context.maximum_version.TLSv1_2
    async with mail_server(tls=context, implicit_tls=implicit) as server:
        tls = Tls(ca=CA, server_name="hooks.test", min_version="TLS13")
        outcome = await mail(senders, server, tls=tls, require_tls=True, implicit_tls=implicit)
        assert outcome == Retry("network", f"{'CONNECT' if implicit else 'STARTTLS'}: {LOST}")


@pytest.mark.parametrize("implicit", [False, True])
async def test_client_certificates(senders: Senders, implicit: bool) -> None:
    async with mail_server(tls=server_tls(True), implicit_tls=implicit) as server:
        settings: dict[str, Any] = {"require_tls": True, "implicit_tls": implicit}
        cert, key = str(TLS / "client.pem"), str(TLS / "client.key")
        shown = Tls(ca=CA, server_name="hooks.test", cert_file=cert, key_file=key)
        assert await mail(senders, server, tls=shown, **settings) == TOLD
        outcome = await mail(senders, server, tls=TRUST, **settings)
        assert isinstance(outcome, Retry)
        assert outcome.reason == "network"
        assert len(server.mails) == 1


async def test_files_that_are_gone_and_garbage_are_not_shown(senders: Senders, tmp_path: Path) -> None:
    async with mail_server(tls=server_tls()) as server:
        gone = Tls(cert_file=f"{tmp_path}/c4n4ry", key_file=f"{tmp_path}/c4n4ry")
        assert await mail(senders, server, tls=gone) == Retry(
            "network", "TLS settings: No such file or directory"
        )
        outcome = await mail(senders, server, tls=Tls(ca="no certificate"))
        assert isinstance(outcome, Retry)
        assert outcome.detail.startswith("TLS settings: ")
        assert server.connections == 0


async def test_a_server_without_starttls(senders: Senders) -> None:
    async with mail_server() as server:
        assert await mail(senders, server, require_tls=True) == Rejected(
            "client_error",
            "STARTTLS: the server does not offer it; set require_tls: false if mail may go unencrypted",
        )
        assert await mail(senders, server, require_tls=False) == TOLD
        assert [taken.encrypted for taken in server.mails] == [False]


async def test_tls_that_is_not_required_is_used_and_not_verified_unless_told_what_to_trust(
    senders: Senders,
) -> None:
    async with mail_server(tls=server_tls()) as server:
        assert await mail(senders, server) == TOLD
        assert [taken.encrypted for taken in server.mails] == [True]
        assert isinstance(await mail(senders, server, tls=Tls(ca=CA)), Retry)
        assert len(server.mails) == 1


# -- logging in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_each_way_of_logging_in(senders: Senders, mechanism: str, encrypted: bool) -> None:
    rules = {"tls": server_tls()} if encrypted else {}
    async with mail_server(
        users=USERS, require_login=True, mechanisms=frozenset({mechanism}), **rules
    ) as server:
        assert await mail(senders, server, **logged_in()) == TOLD
        assert [taken.user for taken in server.mails] == ["responder"]
        assert await mail(senders, server, **logged_in("wrong")) == Rejected(
            "auth_error", "AUTH: 535 5.7.8 Authentication credentials invalid"
        )


async def test_a_wrong_password_is_tried_once(senders: Senders) -> None:
    """Three ways are offered, and a second try might lock the account."""
    async with mail_server(users=USERS) as server:
        server.fault("auth", "535 5.7.8 wrong")
        server.fault("auth", "454 4.7.0 not asked", times=2)
        assert await mail(senders, server, **logged_in()) == Rejected("auth_error", "AUTH: 535 5.7.8 wrong")


async def test_a_way_that_is_offered_and_unknown_is_followed_by_the_next(senders: Senders) -> None:
    async with mail_server(users=USERS) as server:
        server.fault("auth", "504 5.5.4 unknown")
        assert await mail(senders, server, **logged_in()) == TOLD


async def test_an_identity_goes_with_plain(senders: Senders) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"220 x", b"250-x\r\n250 AUTH PLAIN", b"535 5.7.8 no", b"221 bye"):
            writer.write(reply + b"\r\n")
            asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with mail_server() as unused:
        port = server.sockets[0].getsockname()[1]
        settings = {"port": port, "identity": "team", **logged_in()}
        assert await mail(senders, unused, **settings) == Rejected("auth_error", "AUTH: 535 5.7.8 no")
    server.close()
    credentials = b64encode(b"team\0responder\0pass word")
    assert asked[:3] == [b"EHLO localhost\r\n", b"AUTH PLAIN %b\r\n" % credentials, b"QUIT\r\n"]


async def test_no_login_that_we_know(senders: Senders) -> None:
    async with mail_server() as server:
        assert await mail(senders, server, **logged_in()) == Rejected(
            "auth_error", "AUTH: the server offers no login, and we know PLAIN, LOGIN, CRAM-MD5"
        )


async def test_a_password_does_not_go_readable_to_another_machine(senders: Senders) -> None:
    elsewhere = "127.1"  # leads here, and does not say so
    async with mail_server(users=USERS) as server:
        assert await mail(senders, server, host=elsewhere, **logged_in()) == TOLD
        assert server.mails[0].user == "responder"  # CRAM-MD5 keeps the password to itself
    async with mail_server(users=USERS, mechanisms=frozenset({"PLAIN", "LOGIN"})) as server:
        assert await mail(senders, server, host=elsewhere, **logged_in()) == Rejected(
            "auth_error",
            "AUTH: the server offers LOGIN, PLAIN and no TLS: the password would be readable on its way",
        )
    async with mail_server(users=USERS, mechanisms=frozenset({"PLAIN"}), tls=server_tls()) as server:
        assert await mail(senders, server, host=elsewhere, **logged_in()) == TOLD


async def test_no_secret_gets_out(senders: Senders, capfd: pytest.CaptureFixture[str]) -> None:
    canary = "c4n4ry-p4ss"
    async with mail_server(users={"responder": canary}) as server:
        for stage in ("auth", "mail", "rcpt", "dot"):
            server.fault(stage, f"550 5.0.0 {canary} is no password")
            outcome = await mail(senders, server, username="responder", password=Secret(canary))
            assert isinstance(outcome, Rejected)
            assert outcome.detail.endswith("550 5.0.0 <secret> is no password")
    assert canary not in "".join(capfd.readouterr())


# -- recipients -----------------------------------------------------------------------------------

THREE: dict[str, Any] = {"to": ("a@x.example", "B <b@x.example>", "c@x.example")}


async def test_some_refused_for_good_is_told_and_logged(
    senders: Senders, capfd: pytest.CaptureFixture[str]
) -> None:
    async with mail_server() as server:
        server.fault("rcpt", "550 5.1.1 who?")
        assert await mail(senders, server, **THREE) == TOLD
        assert [taken.recipients for taken in server.mails] == [("b@x.example", "c@x.example")]
    logged = capfd.readouterr().out
    assert "mail_recipients_refused" in logged
    assert "a@x.example: 550 5.1.1 who?" in logged


async def test_some_refused_for_now_get_it_later_and_they_alone(senders: Senders) -> None:
    async with mail_server() as server:
        for reply in ("pass", "451 4.7.1 Greylisted", "550 5.1.1 who?"):
            server.fault("rcpt", reply)
        outcome = await mail(senders, server, **THREE)
        assert outcome == Partly('{"subject":"Alert1","rest":["b@x.example"]}')
        assert await mail(senders, server, receipt=outcome.receipt, **THREE) == TOLD
        assert [taken.recipients for taken in server.mails] == [("a@x.example",), ("b@x.example",)]
        assert {str(taken.message["To"]) for taken in server.mails} == {
            "a@x.example, B <b@x.example>, c@x.example"
        }
        assert len({taken.message["Message-ID"] for taken in server.mails}) == 1


async def test_what_is_left_of_the_rest_is_logged(
    senders: Senders, capfd: pytest.CaptureFixture[str]
) -> None:
    async with mail_server() as server:
        rest = '{"subject":"Alert1","rest":["b@x.example","c@x.example"]}'
        server.fault("rcpt", "451 4.3.0 later")
        assert await mail(senders, server, receipt=rest, **THREE) == TOLD
        assert [taken.recipients for taken in server.mails] == [("c@x.example",)]
    assert "b@x.example: 451 4.3.0 later" in capfd.readouterr().out


async def test_the_rest_refused_for_good_is_no_reason_to_call_the_row_dead(senders: Senders) -> None:
    async with mail_server() as server:
        rest = '{"subject":"Alert1","rest":["b@x.example"]}'
        server.fault("rcpt", "451 4.3.0 later")
        assert await mail(senders, server, receipt=rest, **THREE) == Retry(
            "server_error", "RCPT: b@x.example: 451 4.3.0 later"
        )
        server.fault("rcpt", "550 5.1.1 who?")
        assert await mail(senders, server, receipt=rest, **THREE) == TOLD
        assert list(server.mails) == []


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        (("550 5.1.1 no", "550 5.1.1 no", "553 no"), Rejected("client_error", "")),
        (("550 5.1.1 no", "450 4.2.0 later", "553 no"), Retry("server_error", "")),
        (("450 4.7.1 grey", "450 4.7.1 grey", "553 no"), Retry("rate_limited", "")),
        (("450 4.7.1 grey", "450 4.2.0 later", "553 no"), Retry("server_error", "")),
    ],
)
async def test_all_refused(
    senders: Senders, replies: tuple[str, str, str], outcome: Retry | Rejected
) -> None:
    async with mail_server() as server:
        for reply in replies:
            server.fault("rcpt", reply)
        one, two, three = replies
        detail = f"RCPT: a@x.example: {one}; b@x.example: {two}; c@x.example: {three}"
        assert await mail(senders, server, **THREE) == type(outcome)(outcome.reason, detail)
        assert list(server.mails) == []


async def test_many_refused_are_counted(senders: Senders) -> None:
    async with mail_server() as server:
        server.fault("rcpt", "550 no", times=7)
        outcome = await mail(senders, server, to=tuple(f"{n}@x.example" for n in range(7)))
        assert isinstance(outcome, Rejected)
        assert outcome.detail.endswith("4@x.example: 550 no; and 2 more")


async def test_greylisting_is_waited_out(senders: Senders) -> None:
    async with mail_server(greylisting=True) as server:
        assert await mail(senders, server) == Retry(
            "rate_limited", "RCPT: ops@example.com: 451 4.7.1 Greylisted, come again"
        )
        assert await mail(senders, server) == TOLD


# -- what the server can do -----------------------------------------------------------------------


async def test_a_mail_that_is_too_large(senders: Senders) -> None:
    async with mail_server(size_limit=1_000) as server:
        assert await mail(senders, server) == Rejected(
            "client_error", "MAIL: 552 Error: message size exceeds fixed maximum message size"
        )


@pytest.mark.parametrize("able", [True, False])
async def test_addresses_outside_ascii(senders: Senders, able: bool) -> None:
    async with mail_server(smtputf8=able) as server:
        outcome = await mail(senders, server, to=("Jürgen <jürgen@example.com>",))
        if able:
            assert outcome == TOLD
            assert [taken.recipients for taken in server.mails] == [("jürgen@example.com",)]
        else:
            detail = "MAIL: the server takes no addresses outside ASCII (SMTPUTF8)"
            assert outcome == Rejected("client_error", detail)


async def test_a_line_that_begins_with_a_dot_arrives_whole(senders: Senders) -> None:
    async with mail_server() as server:
        text = ".\n..\n.hidden\n"
        assert await mail(senders, server, templates={"text": Template(text, plain=True)}) == TOLD
        body = server.mails[0].message.get_body(("plain",))
        assert body is not None
        assert body.get_content() == text.replace("\n", "\r\n")


async def test_each_send_has_a_connection_of_its_own(senders: Senders) -> None:
    async with mail_server() as server:
        sender = senders(email(server, hello="responder.example.com"))
        for row in (1, 2, 3):
            assert await sender.send(notification(row), Attempt(SECOND)) == TOLD
        assert (server.connections, server.count) == (3, 3)
        assert {taken.hello for taken in server.mails} == {"responder.example.com"}
        assert {(taken.sender, taken.recipients) for taken in server.mails} == {
            ("alerts@example.com", ("ops@example.com",))
        }
