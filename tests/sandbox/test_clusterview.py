"""The cluster as a piece of a page."""

import re
from html import unescape

from responder.core.model import SECOND
from responder.sandbox.clusterview import as_html
from responder.sandbox.kubernetes.cluster import Cluster
from tests.clock import ManualClock
from tests.sandbox.kubernetes.shop import RESTARTED, open_shop


def lines(html: str) -> list[str]:
    """What one reads, line by line, without the names that are drawn."""
    text = re.sub(r"<[^>]*>", "", re.sub(r"</(p|h2|li|pre)>", "\n", html))
    return [
        unescape(re.sub(r"-[a-z0-9]{10}-[a-z0-9]{5}\b", "-POD", line)) for line in text.split("\n") if line
    ]


def test_an_empty_cluster_is_nothing_to_show() -> None:
    assert as_html(Cluster(ManualClock())) == ""


async def test_deployments_their_pods_and_what_was_asked_to_change() -> None:
    async with open_shop(ManualClock()) as shop:
        shop.cluster.crash("shop", "cart", every=SECOND, pods=1)
        await shop.seconds(3)
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: "x"}}}}}
        await shop.apps.patch_namespaced_deployment("payments", "shop", patch, field_manager="<b>&")
        html = as_html(shop.cluster)
        assert "<b>&" not in html
        read = lines(html)
    assert [line for line in read if line.startswith("cart")] == [
        "cart: 2 of 2 ready, 3 restarts of its pods",
        "cart-POD: ready, 3 restarts",
        "cart-POD: ready, 0 restarts",
    ]
    asked = read.index("What was asked to change")
    assert re.fullmatch(
        r"00:00:0\d(\.\d+)? patch /apis/apps/v1/namespaces/shop/deployments/payments <b>&: 200",
        read[asked + 1],
    )
    assert read[asked + 2 :] == [
        "Let pods crash",
        "An alert follows after a few seconds.",
        f'curl {shop.cluster.url}/_standin/crash -d \'{{"namespace": "shop", "name": "cart", "every": 1}}\'',
    ]
