"""The cluster as a piece of a page."""

import re

import aiohttp

from responder.core.model import SECOND
from responder.sandbox.clusterview import as_html
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import deployment
from tests.clock import ManualClock


def lines(html: str) -> list[str]:
    """What one reads, line by line; names of pods end as they please."""
    text = re.sub(r"<[^>]*>", "", re.sub(r"</(p|h2|li|pre)>", "\n", html))
    return [re.sub(r"-[a-z0-9]{10}-[a-z0-9]{5}\b", "-POD", line) for line in text.splitlines() if line]


def test_an_empty_cluster_is_nothing_to_show() -> None:
    assert as_html(Cluster(ManualClock())) == ""


async def test_deployments_their_pods_and_what_was_asked_to_change() -> None:
    clock = ManualClock()
    async with Cluster(clock) as cluster, aiohttp.ClientSession(cluster.url) as http:
        cluster.apply(deployment("default", "cart", 2))
        await clock.advance(2 * SECOND)
        cluster.crash("default", "cart", every=SECOND, pods=1)
        await clock.advance(3 * SECOND)
        headers = {"Authorization": f"Bearer {cluster.token}", "User-Agent": "<b>&/1"}
        path = "/apis/apps/v1/namespaces/default/deployments/<cart>"
        patch = {"Content-Type": "application/merge-patch+json", **headers}
        async with http.patch(path, data=b"{}", headers=patch) as answer:
            assert answer.status == 404
        async with http.get("/api/v1/namespaces/default/pods", headers=headers) as answer:
            assert answer.status == 200
        html = as_html(cluster)
        assert "<cart>" not in html
        assert lines(html) == [
            "default",
            "cart: 2 of 2 ready, 3 restarts of its pods",
            "cart-POD: ready, 3 restarts",
            "cart-POD: ready, 0 restarts",
            "What was asked to change",
            f"00:00:05 patch {path.replace('<', '&lt;').replace('>', '&gt;')} &lt;b&gt;&amp;: 404, nothing changed",
            "Let pods crash",
            "An alert follows after a few seconds.",
            f"curl {cluster.url}/_standin/crash -d '"
            "{&quot;namespace&quot;: &quot;shop&quot;, &quot;name&quot;: &quot;cart&quot;, &quot;every&quot;: 1}'".replace(
                "'", "&#x27;"
            ),
        ]
