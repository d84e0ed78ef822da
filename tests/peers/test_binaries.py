"""A missing program: a skip that names it, and a failure where peers are required."""

import pytest

from tests.peers.binaries import peer

MISSING = "amtool is missing: apt-get install prometheus-alertmanager"


def test_a_missing_program_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("REQUIRE_PEERS", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        peer("amtool")
    assert str(skipped.value) == MISSING


def test_a_missing_program_fails_where_peers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception) as failed:
        peer("amtool")
    assert str(failed.value) == MISSING
