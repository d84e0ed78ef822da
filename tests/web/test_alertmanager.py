"""Alertmanager's API as its clients see it: shapes, filters, refusals, who may, and never a 500."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from responder import __version__
from responder.core.model import HOUR, MINUTE, fingerprint, labels_from
from tests.web.serving import LATER, NOW, RULES, UNKNOWN, serving, silence

# -- what is ----------------------------------------------------------------------------------


async def test_status_and_receivers(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        status = await api.get("status")
        original = status["config"].pop("original")
        assert status == {
            "cluster": {"status": "disabled", "peers": []},
            "config": {},
            "uptime": NOW,
            "versionInfo": {
                "version": f"0.25.0+responder.{__version__}",
                "revision": "",
                "branch": "responder",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            },
        }
        assert yaml.safe_load(original) == RULES
        assert await api.get("receivers") == [{"name": "team"}, {"name": "other"}, {"name": "night"}]


async def test_an_alert(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        labels = {"alertname": "A", "job": "both"}
        alert = {"labels": labels, "annotations": {"summary": "s"}, "generatorURL": "http://p/g"}
        assert (await api.ask("POST", "/api/v2/alerts", [alert]))[0] == 200
        assert await api.get("alerts") == [
            {
                "labels": labels,
                "annotations": {"summary": "s"},
                "startsAt": NOW,
                "endsAt": "2026-01-05T00:05:00.000Z",
                "updatedAt": NOW,
                "generatorURL": "http://p/g",
                "fingerprint": fingerprint(labels_from(labels)),
                "receivers": [{"name": "other"}, {"name": "team"}],
                "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
            }
        ]


async def test_alerts_by_fingerprint_and_only_those_that_fire(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.post_alerts(*({"alertname": name} for name in "ABCDEFG"))
        over = {"labels": {"alertname": "C"}, "endsAt": NOW}
        await api.ask("POST", "/api/v2/alerts", [over])
        found = [alert["fingerprint"] for alert in await api.get("alerts")]
        assert found == sorted(fingerprint(labels_from({"alertname": name})) for name in "ABDEFG")


async def test_what_keeps_an_alert_from_being_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        source = {"alertname": "A", "severity": "critical"}
        await api.post_alerts(source, {"alertname": "A", "severity": "warning"})
        by = [fingerprint(labels_from(source))]
        one = await api.silence("alertname=A")
        other = await api.silence("alertname=A", endsAt="2026-01-05T03:00:00Z")
        await api.silence("alertname=B")
        ids = sorted([one, other])
        status = {alert["labels"]["severity"]: alert["status"] for alert in await api.get("alerts")}
        assert status == {
            "critical": {"state": "suppressed", "silencedBy": ids, "inhibitedBy": [], "mutedBy": []},
            "warning": {"state": "suppressed", "silencedBy": ids, "inhibitedBy": by, "mutedBy": []},
        }


async def test_a_maintenance_window_is_among_what_mutes(tmp_path: Path) -> None:
    (tmp_path / "suppression.yaml").write_text(
        "maintenance: [{name: move, matchers: [alertname=A], time_intervals: [always], owner: ops,"
        " reason: we move, until: 2099-01-01}]"
    )
    async with serving(tmp_path, rules=tmp_path) as api:
        await api.post_alerts({"alertname": "A"}, {"alertname": "B"})
        alerts = {one["labels"]["alertname"]: one["status"] for one in await api.get("alerts")}
        assert (alerts["A"]["state"], alerts["A"]["mutedBy"]) == ("suppressed", ["move"])
        assert (alerts["B"]["state"], alerts["B"]["mutedBy"]) == ("active", [])


LABELLED: Final = {
    "route": {
        "receiver": "team",
        "group_by": ["job"],
        "labels": {"team": "ops", "page": "yes"},
        "routes": [
            {
                "matchers": ["job=shop"],
                "labels": {
                    "team": "{{ .CommonLabels.team }} at {{ .ExternalURL }}",
                    "n": "{{ len .Alerts }}",
                },
            },
            {"matchers": ["job=none"], "labels": {"page": "no"}},
        ],
    },
    "receivers": [{"name": "team"}],
}


async def test_s10_groups_bear_the_labels_of_their_route(tmp_path: Path) -> None:
    async with serving(tmp_path, rules=LABELLED, external_url="http://r.example") as api:
        hostile = "{{ .Status }}"
        await api.post_alerts(
            {"alertname": "A", "job": "shop", "team": hostile},
            {"alertname": "B", "job": "shop", "team": hostile},
            {"alertname": "C", "job": "none"},
            {"alertname": "D"},
        )
        groups = await api.get("alerts/groups?filter=alertname!%3DB")
        assert {group["labels"].get("job", ""): group["routeLabels"] for group in groups} == {
            "shop": {"team": f"{hostile} at http://r.example", "page": "yes", "n": "2"},
            "none": {"team": "ops", "page": "no"},
            "": {"team": "ops", "page": "yes"},
        }
        status = await api.get("status")
        assert "labels" not in status["config"]["original"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["active", "both", "inhibited", "silenced", "source"]),
        ("active=false", ["both", "inhibited", "silenced"]),
        ("silenced=false", ["active", "inhibited", "source"]),
        ("inhibited=0", ["active", "silenced", "source"]),
        ("active=false&silenced=f&inhibited=off", []),
        ("unprocessed=false", ["active", "both", "inhibited", "silenced", "source"]),
        ("active=", ["active", "both", "inhibited", "silenced", "source"]),
        ("filter=kind%3D~%22.*i.*%22", ["active", "inhibited", "silenced"]),
        ("filter=kind!%3Dactive&filter=kind%3D~%22.*i.*%22", ["inhibited", "silenced"]),
        ("filter=nothing%3D%22%22&filter=kind%3Dboth", ["both"]),
        ("receiver=team", ["active", "both", "inhibited", "silenced", "source"]),
        ("receiver=tea", []),
        ("receiver=oth.r|x", ["both"]),
    ],
)
async def test_which_alerts_are_asked_for(tmp_path: Path, query: str, found: list[str]) -> None:
    async with serving(tmp_path) as api:
        await api.post_alerts(
            {"alertname": "A", "kind": "active"},
            {"alertname": "A", "kind": "source", "severity": "critical"},
            {"alertname": "A", "kind": "inhibited", "severity": "warning"},
            {"alertname": "A", "kind": "silenced"},
            {"alertname": "A", "kind": "both", "severity": "warning", "job": "both"},
        )
        await api.silence("kind=silenced")
        await api.silence("kind=both")
        assert sorted(alert["labels"]["kind"] for alert in await api.get(f"alerts?{query}")) == found


async def test_groups(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.post_alerts(
            {"alertname": "B", "job": "night"},
            {"alertname": "A", "job": "both"},
            {"alertname": "A"},
            {"alertname": "A", "instance": "1"},
        )
        groups = await api.get("alerts/groups")
        shown = [(g["labels"], g["receiver"], [a["labels"] for a in g["alerts"]]) for g in groups]
        both = {"alertname": "A", "job": "both"}
        two = sorted(
            [{"alertname": "A"}, {"alertname": "A", "instance": "1"}],
            key=lambda labels: fingerprint(labels_from(labels)),
        )
        assert shown == [
            ({"alertname": "A"}, {"name": "other"}, [both]),
            ({"alertname": "A"}, {"name": "team"}, two),
            ({"alertname": "A"}, {"name": "team"}, [both]),
            ({"alertname": "B"}, {"name": "night"}, [{"alertname": "B", "job": "night"}]),
        ]
        assert groups[0]["alerts"][0]["receivers"] == [{"name": "other"}, {"name": "team"}]
        muted = {"state": "suppressed", "silencedBy": [], "inhibitedBy": [], "mutedBy": ["always"]}
        assert groups[3]["alerts"][0]["status"] == muted
        assert len(await api.get("alerts/groups?muted=false")) == 3
        assert [g["receiver"]["name"] for g in await api.get("alerts/groups?receiver=other")] == ["other"]
        assert len(await api.get("alerts/groups?filter=job%3Dboth")) == 2
        await api.silence("job=both")
        assert len(await api.get("alerts/groups?silenced=false")) == 2


# -- silences ---------------------------------------------------------------------------------


async def test_a_silence(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        asked = silence("alertname=A", createdBy="the boss", annotations={"ticket": "7"})
        asked["matchers"].append({"name": "b", "value": "c|d", "isRegex": True, "isEqual": False})
        status, made, _ = await api.ask("POST", "/api/v2/silences", asked)
        assert status == 200
        expected = {
            "id": made["silenceID"],
            "status": {"state": "active"},
            "updatedAt": NOW,
            "comment": "why",
            "createdBy": "the boss",
            "author": "anonymous",
            "startsAt": NOW,
            "endsAt": LATER,
            "matchers": asked["matchers"],
            "annotations": {"ticket": "7"},
        }
        assert await api.get(f"silence/{made['silenceID']}") == expected
        assert await api.get(f"silence/{made['silenceID'].upper()}") == expected
        assert await api.get("silences") == [expected]


async def test_active_ones_that_end_soonest_come_first(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        ids = {}
        for name, start, end in (
            ("expired early", NOW, "2026-01-05T00:01:00Z"),
            ("expired late", NOW, "2026-01-05T00:02:00Z"),
            ("pending late", "2026-01-05T02:00:00Z", "2026-01-05T03:00:00Z"),
            ("pending soon", "2026-01-05T01:00:00Z", "2026-01-05T04:00:00Z"),
            ("active long", NOW, "2026-01-05T09:00:00Z"),
            ("active short", NOW, "2026-01-05T00:30:00Z"),
        ):
            ids[await api.silence(f"name={name}", startsAt=start, endsAt=end)] = name
        await api.clock.advance(10 * MINUTE)
        order = [*list(ids.values())[:3:-1], "pending soon", "pending late", "expired late", "expired early"]

        async def names(query: str) -> list[str]:
            return [ids[one["id"]] for one in await api.get(f"silences?{query}")]

        assert await names("") == order
        assert await names("expired=false&pending=false") == order[:2]
        assert await names("active=false&expired=false") == order[2:4]
        assert await names("active=false&pending=false") == order[4:]
        assert await names("filter=name%3D%22active%20long%22") == ["active long"]
        assert await names("filter=name%3D~%22active.*%22") == []


async def test_an_edit_keeps_the_id_or_makes_another(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        one = await api.silence("alertname=A")
        await api.clock.advance(MINUTE)
        assert await api.silence("alertname=A", id=one, endsAt="2026-01-05T02:00:00Z", comment="still") == one
        known = await api.get(f"silence/{one}")
        assert (known["comment"], known["endsAt"], known["updatedAt"]) == (
            "still",
            "2026-01-05T02:00:00.000Z",
            "2026-01-05T00:01:00.000Z",
        )
        other = await api.silence("alertname=B", id=one)
        assert other != one
        assert [(s["id"], s["status"]["state"]) for s in await api.get("silences")] == [
            (other, "active"),
            (one, "expired"),
        ]


async def test_the_end_of_a_silence(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        one = await api.silence("alertname=A")
        await api.clock.advance(MINUTE)
        for _ in range(2):  # the second time it is over already
            status, document, _ = await api.ask("DELETE", f"/api/v2/silence/{one}")
            assert (status, document) == (200, None)
        known = await api.get(f"silence/{one}")
        assert (known["status"], known["endsAt"]) == ({"state": "expired"}, "2026-01-05T00:01:00.000Z")


async def test_a_silence_outlives_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        one = await api.silence("alertname=A")
        before = await api.get(f"silence/{one}")
    async with serving(tmp_path) as api:
        assert await api.get("silences") == [before]
        await api.post_alerts({"alertname": "A"})
        assert (await api.get("alerts"))[0]["status"]["silencedBy"] == [one]


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("alerts?filter=a", 400, "bad matcher format: 'a', column 2: expected one of the operators"),
        ("alerts?filter=%7Ba%3Db%7D", 400, "bad matcher format: '{a=b}': write one matcher without braces"),
        ("alerts/groups?filter=a%3D~(", 400, "bad matcher format: the regular expression '('"),
        ("silences?filter=", 400, "bad matcher format: "),
        ("alerts?receiver=(", 400, "failed to parse receiver param: the regular expression '('"),
        ("alerts?active=perhaps", 422, "active in query must be of type boolean: 'perhaps'"),
        ("silences?expired=2", 422, "expired in query must be of type boolean: '2'"),
        ("silence/x", 422, 'silenceID in path must be of type uuid: "x"'),
        (f"silence/{UNKNOWN}", 404, "silence not found"),
    ],
)
async def test_what_cannot_be_answered_is_said(tmp_path: Path, path: str, status: int, answer: str) -> None:
    async with serving(tmp_path) as api:
        found, document = await api.refused(path)
        text = document["message"] if found == 422 else document
        assert (found, text[: len(answer)]) == (status, answer)
        assert found != 422 or document["code"] == 601


WIDE: Final = "silence invalid: at least one matcher must not match the empty string"
MISSING: Final = "Object missing required field `isRegex` - at `$.matchers[0]`"


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (b"{", 400, {"code": 400, "message": "the body is not JSON: Input data was truncated"}),
        ({}, 422, {"code": 602, "message": "Object missing required field `matchers`"}),
        (silence(), 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),
        (silence("a=b", matchers=[{"name": "a", "value": "b"}]), 422, {"code": 602, "message": MISSING}),
        (silence("a="), 400, WIDE),
        (silence("a=b", endsAt=NOW), 400, "Failed to create silence: start time must be before end time"),
        (
            silence("a=b", startsAt="2020-01-01T00:00:00Z", endsAt="2020-01-02T00:00:00Z"),
            400,
            "Failed to create silence: end time can't be in the past",
        ),
        (silence("a=b", comment=""), 400, "a comment is required: say why it is to be quiet"),
        (silence("a=b", id=UNKNOWN), 404, "silence not found"),
        (silence("a=b", id="x"), 404, "silence not found"),
        (
            silence("a=b", comment="x" * 65536),
            413,
            {"code": 413, "message": "a silence is at most 65536 bytes"},
        ),
    ],
)
async def test_a_silence_that_cannot_be_had(tmp_path: Path, body: Any, status: int, answer: Any) -> None:
    async with serving(tmp_path) as api:
        assert (await api.ask("POST", "/api/v2/silences", body))[:2] == (status, answer)
        assert await api.get("silences") == []


async def test_an_end_of_no_silence(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert (await api.ask("DELETE", f"/api/v2/silence/{UNKNOWN}"))[:2] == (404, "silence not found")
        assert (await api.ask("DELETE", "/api/v2/silence/x"))[0] == 422


async def test_the_first_api_is_gone_and_ours_is_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for path in ("status", "receivers", "alerts", "alerts/groups", "silences", f"silence/{UNKNOWN}"):
            status, document, _ = await api.ask("GET", f"/api/v1/{path}")
            assert (status, document["status"]) == (410, "deprecated")
        assert (await api.ask("POST", "/api/v1/alerts", []))[0] == 410
        assert (await api.ask("GET", "/api/v1/ledger"))[0] == 200


# -- who may ----------------------------------------------------------------------------------


async def test_other_sites_may_read_and_nothing_is_kept_by_caches(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        one = await api.silence("a=b")
        for path in ("alerts", "silences", f"silence/{one}", "alerts?filter=x"):
            headers = (await api.ask("GET", f"/api/v2/{path}", headers={"Origin": "http://other"}))[2]
            kept = headers["Cache-Control"], headers["Access-Control-Allow-Origin"]
            assert kept == ("no-store", "*")
        status, _, headers = await api.ask(
            "DELETE", f"/api/v2/silence/{one}", headers={"Origin": "http://other"}
        )
        assert (status, headers["Cache-Control"]) == (403, "no-store")
        assert "Access-Control-Allow-Origin" not in headers
        status, _, headers = await api.ask("POST", "/api/v2/silences", silence("a=b"))
        assert (status, "Access-Control-Allow-Origin" in headers) == (200, False)
        assert "Access-Control-Allow-Origin" not in (await api.ask("GET", "/api/v1/ledger"))[2]
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert (await api.ask("POST", "/api/v2/silences", silence("a=b"), cross))[0] == 403
        form = {"Content-Type": "text/plain"}
        assert (await api.ask("POST", "/api/v2/silences", silence("a=b"), form))[0] == 415
        assert (await api.ask("GET", "/api/v2/alerts", headers={"Host": "evil.example"}))[0] == 421


async def test_whoever_responds_may_silence_and_is_named(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    roles = {"sender": ["ingest"], "reader": ["read"], "alice": ["read", "respond"]}
    entries = [
        {"name": name, "sha256": sha256(name.encode()).hexdigest(), "roles": given}
        for name, given in roles.items()
    ]
    tokens.write_text(yaml.safe_dump(entries))
    async with serving(tmp_path, auth={"tokens_file": str(tokens)}) as api:

        async def ask(name: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {name}"}
            return (await api.ask(method, f"/api/v2/{path}", body, headers))[:2]

        for path in ("status", "receivers", "alerts", "alerts/groups", "silences", f"silence/{UNKNOWN}"):
            assert (await api.ask("GET", f"/api/v2/{path}"))[0] == 401
            assert (await ask("sender", "GET", path))[0] == 403
        body = silence("a=b", createdBy="")
        assert (await ask("reader", "POST", "silences", body))[0] == 403
        assert (await ask("reader", "DELETE", f"silence/{UNKNOWN}"))[0] == 403
        assert (await ask("alice", "POST", "silences", body))[0] == 200
        _, (made,) = await ask("reader", "GET", "silences")
        assert (made["author"], made["createdBy"]) == ("alice", "alice")


# -- whatever is sent -------------------------------------------------------------------------

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from([NOW, LATER, "0001-01-01T00:00:00Z", "=~", "(", "\x00", "9999-12-31T23:59:59+23:59"]),
)
MATCHERS = st.fixed_dictionaries(
    {"name": LEAVES, "value": LEAVES, "isRegex": st.booleans()}, optional={"isEqual": LEAVES}
)
WIRES = st.fixed_dictionaries(
    {
        "matchers": st.one_of(LEAVES, st.lists(MATCHERS, max_size=3)),
        "startsAt": LEAVES,
        "endsAt": st.one_of(LEAVES, st.just(LATER)),
        "createdBy": st.one_of(LEAVES, st.text(max_size=8)),
        "comment": st.one_of(LEAVES, st.text(max_size=8)),
    },
    optional={"id": LEAVES, "annotations": st.one_of(LEAVES, st.dictionaries(st.text(max_size=4), LEAVES))},
)
GOOD = st.builds(
    lambda name, value, regex, comment: {
        "matchers": [{"name": name, "value": value, "isRegex": regex}],
        "startsAt": NOW,
        "endsAt": LATER,
        "createdBy": comment,
        "comment": comment,
    },
    st.text(max_size=4),
    st.text(max_size=4),
    st.booleans(),
    st.text(max_size=4),
)
BODIES = st.one_of(
    st.one_of(WIRES, GOOD, st.recursive(LEAVES, lambda one: st.lists(one, max_size=3), max_leaves=5)).map(
        lambda value: json.dumps(value).encode()  # lone surrogates among them, as escapes
    ),
    st.binary(max_size=64),
    st.just(
        b'{"matchers":[{"name":"a","value":"\\ud800","isRegex":false}],"startsAt":"'
        + NOW.encode()
        + b'","endsAt":"'
        + LATER.encode()
        + b'","createdBy":"\\udfff","comment":"\\ud800"}'
    ),
    st.just(b"[" * 100_000),
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["filter", "receiver", "active", "silenced", "muted", "expired", "x"]),
        st.text(max_size=8),
    ),
    max_size=3,
)


@pytest.mark.timeout(300)
async def test_nothing_that_a_caller_sends_is_our_fault(tmp_path: Path) -> None:
    """One service for all examples: what it was told before is still there."""
    seen: dict[int, int] = {}
    async with serving(tmp_path) as api:
        await api.post_alerts({"alertname": "A"})
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(body=BODIES, query=QUERIES, path=st.text(max_size=8))
        def ask(body: bytes, query: list[tuple[str, str]], path: str) -> None:
            async def everything() -> None:
                answers = [(await api.ask("POST", "/api/v2/silences", body))[0]]
                for where in ("alerts", "alerts/groups", "silences"):
                    async with api.session.get(f"{api.url}/api/v2/{where}", params=query) as response:
                        answers.append(response.status)
                for method in ("GET", "DELETE"):
                    where = f"{api.url}/api/v2/silence/"
                    quoted = "".join(f"%{byte:02X}" for byte in path.encode())
                    async with api.session.request(method, where + quoted) as response:
                        answers.append(response.status)
                for status in answers:
                    seen[status] = seen.get(status, 0) + 1
                assert max(answers) < 500

            asyncio.run_coroutine_threadsafe(everything(), loop).result(60)

        await asyncio.to_thread(ask)
        assert {200, 400, 404, 422} <= set(seen)
        assert await api.names("alerts") == ["A"]


async def test_what_was_silenced_an_instant_before_is_seen(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for number in range(20):
            await asyncio.gather(
                api.post_alerts({"alertname": f"A{number}"}), api.silence(f"alertname=A{number}")
            )
            states = [alert["status"]["state"] for alert in await api.get("alerts")]
            assert states == ["suppressed"] * (number + 1)
        await api.clock.advance(HOUR)
        assert await api.get("silences?expired=false") == []
