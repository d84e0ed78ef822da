"""The file by which the real client finds clusters."""

import stat
from pathlib import Path

from kubernetes_asyncio import client, config

from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import deployment
from tests.clock import ManualClock


async def test_several_clusters_are_found_by_their_contexts(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("of an earlier start")
    async with Cluster(clock, "prod", token="p") as prod, Cluster(clock, "staging", token="s") as staging:
        prod.apply(deployment("default", "web", 1))
        assert kubeconfig.write(path, prod, staging) == path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        seen = {}
        for context in (None, "prod", "staging"):
            settings = client.Configuration()
            await config.load_kube_config(str(path), context=context, client_configuration=settings)
            async with client.ApiClient(settings) as api:
                found = await client.AppsV1Api(api).list_deployment_for_all_namespaces()
                seen[context] = [one.metadata.name for one in found.items]
    assert seen == {None: ["web"], "prod": ["web"], "staging": []}
    assert [call.status for call in prod.calls] == [200, 200]
