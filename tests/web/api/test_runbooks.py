"""Runbooks over HTTP: what an alert may start by itself, and who vouches for it."""

from pathlib import Path

from tests.web.api.office import PAGE, office

NOW = "2026-01-05T00:00:00Z"


async def test_a_runbook_is_shown_signed_and_reset(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        (brief,) = await api.get("runbooks")
        limited = brief.pop("limited_by")
        assert brief == {
            "name": "pod-restarts",
            "title": "Pods restart too often",
            "hash": PAGE.hash,
            "match": ['alertname="PodRestartsHigh"'],
            "mode": "auto",
            "effective_mode": "approve",
            "risk": "medium",
            "signed": False,
            "signature": None,
            "reset_at": None,
        }
        assert "signed" in limited
        whole = await api.get("runbooks/pod-restarts")
        assert {key: value for key, value in whole.items() if key not in brief} == {
            "limited_by": limited,
            "place": "pod-restarts.md",
            "parameters": [
                {"name": "namespace", "type": "dns_label", "label": "namespace", "default": None},
                {"name": "deployment", "type": "dns_subdomain", "label": "deployment", "default": "checkout"},
            ],
            "target": {"kind": "Deployment", "namespace": "${namespace}", "name": "${deployment}"},
            "preconditions": [],
            "steps": [{"action": "kubernetes.rollout_restart", "arguments": {}, "timeout": "5m"}],
            "verify": [{"query": "up > 0", "good": None, "every": "1m", "within": None, "settle": None}],
            "on_failure": [],
            "hold": None,
            "prose": "# Pods restart\n",
        }
        path = "runbooks/pod-restarts"
        signed = await api.do("boss", f"{path}/sign", {"hash": PAGE.hash, "reason": "read it"})
        assert signed["runbook"]["signature"] == {
            "hash": PAGE.hash,
            "by": "boss",
            "at": NOW,
            "reason": "read it",
        }
        assert (signed["runbook"]["signed"], signed["runbook"]["effective_mode"]) == (True, "auto")
        reset = await api.do("robot", f"{path}/reset", {"reason": "mended"})
        assert (reset["runbook"]["reset_at"], reset["runbook"]["signed"]) == (NOW, True)


async def test_what_is_not_signed(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        path = "runbooks/pod-restarts/sign"
        assert await api.refused("boss", path, {"hash": "A" * 64}) == (
            400,
            "hash: must be a page's SHA-256: 64 hexadecimal digits; "
            "reason: is missing: why this text may be trusted",
        )
        assert await api.refused("boss", path, {"hash": "b" * 64, "reason": "x"}) == (
            409,
            "pod-restarts has another text by now: read it again",
        )
        assert await api.refused("boss", "runbooks/nosuch/sign", {"hash": "b" * 64, "reason": "x"}) == (
            404,
            "there is no runbook 'nosuch'",
        )
        assert (await api.refused("boss", "runbooks/pod-restarts/reset"))[0] == 400
        for what in ("sign", "reset"):
            refused = await api.refused("alice", f"runbooks/pod-restarts/{what}", {})
            assert refused == (403, "alice-laptop lacks the role 'admin'")
        assert (await api.refused("reader", "runbooks/nosuch", method="GET"))[0] == 404
        assert (await api.refused("sender", "runbooks", method="GET"))[0] == 403
