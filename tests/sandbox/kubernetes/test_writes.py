"""Creating, replacing, patching, deleting, evicting, scaling: what is done, and what is refused."""

from typing import Any

import pytest
from kubernetes_asyncio import client

from responder.sandbox.kubernetes.platform import budget, deployment
from tests.sandbox.kubernetes.shop import Shop, refused, told

CONFLICT = (
    "Operation cannot be fulfilled on {}: the object has been modified; please apply your changes to the "
    "latest version and try again"
)


def invalid(field: str, why: str, kind: str = "FieldValueInvalid") -> dict[str, Any]:
    return {
        "message": f'Deployment.apps "checkout" is invalid: {field}: {why}',
        "reason": "Invalid",
        "details": {
            "name": "checkout",
            "group": "apps",
            "kind": "Deployment",
            "causes": [{"reason": kind, "message": why, "field": field}],
        },
        "code": 422,
    }


# -- patches -------------------------------------------------------------------------------------


async def patch(shop: Shop, document: Any, **how: Any) -> Any:
    return await shop.apps.patch_namespaced_deployment("checkout", "shop", document, **how)


async def test_a_stale_resource_version_in_a_patch_is_a_conflict(shop: Shop) -> None:
    old = await shop.read()
    await shop.restart()
    lock = {"metadata": {"resourceVersion": old.metadata.resource_version, "labels": {"a": "b"}}}
    assert await refused(patch(shop, lock)) == {
        "message": CONFLICT.format('deployments.apps "checkout"'),
        "reason": "Conflict",
        "details": {"name": "checkout", "group": "apps", "kind": "deployments"},
        "code": 409,
    }
    lock["metadata"]["resourceVersion"] = (await shop.read()).metadata.resource_version
    assert (await patch(shop, lock)).metadata.labels == {"app": "checkout", "a": "b"}


async def test_another_uid_is_a_conflict(shop: Shop) -> None:
    uid = shop.deployment()["metadata"]["uid"]
    answer = await refused(patch(shop, {"metadata": {"uid": "other"}}))
    assert (answer["code"], answer["reason"]) == (409, "Conflict")
    assert answer["message"].endswith(f"UID in precondition: other, UID in object meta: {uid}")


async def test_the_generation_counts_changes_of_the_spec_alone(shop: Shop) -> None:
    first = await shop.read()
    labelled = await patch(shop, {"metadata": {"labels": {"a": "b"}}})
    assert (first.metadata.generation, labelled.metadata.generation) == (1, 1)
    assert int(labelled.metadata.resource_version) > int(first.metadata.resource_version)
    scaled = await patch(shop, {"spec": {"replicas": 4}})
    assert (scaled.metadata.generation, scaled.metadata.uid) == (2, first.metadata.uid)


async def test_status_cannot_be_patched_in_passing(shop: Shop) -> None:
    await patch(shop, {"status": {"replicas": 99}})
    assert shop.deployment()["status"]["replicas"] == 3


@pytest.mark.parametrize("content_type", ["application/apply-patch+yaml", "application/json", "text/plain"])
async def test_other_patch_types_are_not_served(shop: Shop, content_type: str) -> None:
    body = b"{}" if content_type == "text/plain" else {}
    answer = await refused(patch(shop, body, _content_type=content_type))
    assert answer == {
        "message": "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json",
        "reason": "UnsupportedMediaType",
        "code": 415,
    }


async def test_a_failed_operation_is_invalid_and_says_nothing_more(shop: Shop) -> None:
    for operation in (
        {"op": "test", "path": "/spec/replicas", "value": 7},
        {"op": "replace", "path": "/spec/nothing/at/all", "value": 1},
        {"op": "remove", "path": "/metadata/labels/nothing"},
    ):
        assert await refused(
            patch(shop, [{"op": "add", "path": "/spec/replicas", "value": 9}, operation])
        ) == {
            "message": "the server rejected our request due to an error in our request",
            "reason": "Invalid",
            "code": 422,
        }
    assert shop.deployment()["spec"]["replicas"] == 3


async def test_a_tested_json_patch_changes_what_it_says(shop: Shop) -> None:
    answer = await patch(
        shop,
        [
            {"op": "test", "path": "/spec/replicas", "value": 3},
            {"op": "replace", "path": "/spec/replicas", "value": 5},
        ],
    )
    assert answer.spec.replicas == 5


async def test_a_selector_cannot_be_changed(shop: Shop) -> None:
    change = {"spec": {"selector": {"matchLabels": {"tier": "web"}}}}
    answer = await refused(patch(shop, change))
    assert [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]] == [
        (
            "spec.template.metadata.labels",
            'Invalid value: {"app":"checkout"}: `selector` does not match template `labels`',
        ),
        (
            "spec.selector",
            'Invalid value: {"matchLabels":{"app":"checkout","tier":"web"}}: field is immutable',
        ),
    ]


async def test_fewer_than_no_replicas_are_refused(shop: Shop) -> None:
    wanted = invalid("spec.replicas", "Invalid value: -1: must be greater than or equal to 0")
    assert await refused(patch(shop, {"spec": {"replicas": -1}})) == wanted


async def test_a_rollout_must_be_able_to_move(shop: Shop) -> None:
    strategy = {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}
    wanted = invalid(
        "spec.strategy.rollingUpdate.maxUnavailable", "Invalid value: 0: may not be 0 when `maxSurge` is 0"
    )
    assert await refused(patch(shop, {"spec": {"strategy": strategy}})) == wanted


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"replica": 5}}, "spec: Additional properties are not allowed ('replica' was unexpected)"),
        ({"spec": {"replicas": "5"}}, "spec.replicas: '5' is not of type 'integer', 'null'"),
    ],
)
async def test_a_patch_that_makes_no_deployment_is_refused(
    shop: Shop, change: dict[str, Any], said: str
) -> None:
    answer = await refused(patch(shop, change))
    assert (answer["code"], answer["message"]) == (422, f'"" is invalid: patch: Invalid value: {said}')


async def test_what_is_required_cannot_be_taken_away(shop: Shop) -> None:
    answer = await refused(patch(shop, {"spec": {"template": None}}))
    assert answer == invalid("spec.template", "Required value", "FieldValueRequired")


async def test_a_dry_run_shows_and_does_nothing(shop: Shop) -> None:
    before = shop.deployment()
    answer = await patch(shop, {"spec": {"replicas": 7}}, dry_run="All")
    assert (answer.spec.replicas, answer.metadata.generation) == (7, 2)
    assert shop.deployment() == before
    assert [call.changed for call in shop.cluster.writes()] == [False]
    refusal = await refused(patch(shop, {}, dry_run="Some"))
    assert (refusal["code"], refusal["message"]) == (
        400,
        'dryRun: Unsupported value: "Some": supported values: "All"',
    )


async def test_what_is_not_there_is_said_by_name(shop: Shop) -> None:
    assert await refused(shop.restart("nothing")) == {
        "message": 'deployments.apps "nothing" not found',
        "reason": "NotFound",
        "details": {"name": "nothing", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


# -- who wrote it --------------------------------------------------------------------------------


def managers(shop: Shop) -> dict[tuple[str, str], str]:
    """When which manager last wrote what of a Deployment."""
    entries = shop.deployment()["metadata"]["managedFields"]
    return {(entry["manager"], entry.get("subresource", "")): entry["time"] for entry in entries}


async def test_every_write_says_whose_it_was_and_when(shop: Shop) -> None:
    await shop.restart()
    await shop.seconds(10)
    await patch(shop, {"metadata": {"labels": {"a": "b"}}})
    await shop.apps.patch_namespaced_deployment_scale(
        "checkout", "shop", {"spec": {"replicas": 4}}, field_manager="responder"
    )
    assert managers(shop) == {
        ("kubectl-client-side-apply", ""): "2026-01-05T00:00:00Z",
        ("responder", ""): "2026-01-05T00:00:02Z",
        ("kube-controller-manager", ""): "2026-01-05T00:00:02Z",
        ("kube-controller-manager", "status"): "2026-01-05T00:00:12Z",
        ("OpenAPI-Generator", ""): "2026-01-05T00:00:12Z",
        ("responder", "scale"): "2026-01-05T00:00:12Z",
    }


async def test_what_one_writes_is_taken_from_the_other(shop: Shop) -> None:
    await shop.restart()
    await patch(shop, {"spec": {"replicas": 4}}, field_manager="hand")
    fields = {
        entry["manager"]: entry["fieldsV1"]
        for entry in shop.deployment()["metadata"]["managedFields"]
        if "subresource" not in entry
    }
    restarted: dict[str, Any] = {
        "f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}
    }
    assert (fields["responder"], fields["hand"]) == ({"f:spec": restarted}, {"f:spec": {"f:replicas": {}}})
    assert "f:replicas" not in fields["kubectl-client-side-apply"]["f:spec"]


# -- scale ---------------------------------------------------------------------------------------


async def test_the_scale_is_read_and_patched(shop: Shop) -> None:
    scale = await shop.apps.read_namespaced_deployment_scale("checkout", "shop")
    assert (scale.kind, scale.spec.replicas, scale.status.replicas, scale.status.selector) == (
        "Scale",
        3,
        3,
        "app=checkout",
    )
    answer = await shop.apps.patch_namespaced_deployment_scale("checkout", "shop", {"spec": {"replicas": 5}})
    assert (answer.kind, answer.spec.replicas) == ("Scale", 5)
    assert shop.deployment()["spec"]["replicas"] == 5
    await shop.seconds(2)
    assert len(shop.pods()) == 5


async def test_a_scale_put_without_replicas_scales_to_nothing(shop: Shop) -> None:
    async with shop.as_admin() as admin:
        metadata = client.V1ObjectMeta(name="checkout", namespace="shop")
        scale = client.V1Scale(metadata=metadata, spec=client.V1ScaleSpec())
        answer: Any = await admin.apps.replace_namespaced_deployment_scale("checkout", "shop", scale)
    assert answer.spec.replicas is None
    assert shop.deployment()["spec"]["replicas"] == 0
    assert shop.pods() == []


async def test_a_stale_scale_is_a_conflict(shop: Shop) -> None:
    scale = await shop.apps.read_namespaced_deployment_scale("checkout", "shop")
    await shop.restart()
    patch = {"metadata": {"resourceVersion": scale.metadata.resource_version}, "spec": {"replicas": 5}}
    answer = await refused(shop.apps.patch_namespaced_deployment_scale("checkout", "shop", patch))
    assert (answer["code"], answer["message"]) == (409, CONFLICT.format('deployments.apps "checkout"'))
    assert shop.deployment()["spec"]["replicas"] == 3


async def test_a_scale_cannot_be_below_nothing(shop: Shop) -> None:
    answer = await refused(
        shop.apps.patch_namespaced_deployment_scale("checkout", "shop", {"spec": {"replicas": -1}})
    )
    assert (answer["code"], answer["details"]["kind"]) == (422, "Scale")


# -- replacing and creating ----------------------------------------------------------------------


async def test_a_replacement_needs_the_version_it_was_made_from_or_none(shop: Shop) -> None:
    async with shop.as_admin() as admin:
        document = await admin.read()
        document.spec.replicas = 4
        replaced = await admin.apps.replace_namespaced_deployment("checkout", "shop", document)
        assert (replaced.spec.replicas, replaced.metadata.generation) == (4, 2)
        answer = await refused(admin.apps.replace_namespaced_deployment("checkout", "shop", document))
        assert (answer["code"], answer["reason"]) == (409, "Conflict")
        document.metadata.resource_version = None
        document.spec.replicas = 2
        await admin.apps.replace_namespaced_deployment("checkout", "shop", document)
    assert shop.deployment()["spec"]["replicas"] == 2


async def test_creating(shop: Shop) -> None:
    async with shop.as_admin() as admin:
        new: Any = deployment("shop", "new", 1)
        made, status, _ = await admin.apps.create_namespaced_deployment_with_http_info("shop", new)
        assert (status, made.metadata.generation, made.spec.strategy.type) == (201, 1, "RollingUpdate")
        again = admin.apps.create_namespaced_deployment("shop", new)
        assert await refused(again) == {
            "message": 'deployments.apps "new" already exists',
            "reason": "AlreadyExists",
            "details": {"name": "new", "group": "apps", "kind": "deployments"},
            "code": 409,
        }


@pytest.mark.parametrize(
    ("namespace", "document", "code", "message"),
    [
        ("nowhere", deployment("nowhere", "x", 1), 404, 'namespaces "nowhere" not found'),
        (
            "shop",
            deployment("default", "x", 1),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "shop",
            deployment("shop", "x", 1, replica=3),
            400,
            'Deployment in version "v1" cannot be handled as a Deployment: spec: Additional properties '
            "are not allowed ('replica' was unexpected)",
        ),
        (
            "shop",
            {"metadata": {"name": "x"}, "spec": {"selector": {}}},
            422,
            'Deployment.apps "x" is invalid: spec.template: Required value',
        ),
        (
            "shop",
            deployment("shop", "X", 1),
            422,
            'Deployment.apps "X" is invalid: metadata.name: Invalid value: "X": a lowercase RFC 1123 '
            "subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
            "end with an alphanumeric character",
        ),
        (
            "shop",
            budget("shop", "x"),
            400,
            "PodDisruptionBudget in version 'policy/v1' cannot be handled as a Deployment",
        ),
    ],
)
async def test_what_cannot_be_made_is_refused(
    shop: Shop, namespace: str, document: Any, code: int, message: str
) -> None:
    async with shop.as_admin() as admin:
        answer = await refused(admin.apps.create_namespaced_deployment(namespace, document))
    assert (answer["code"], answer["message"]) == (code, message)


async def test_events_are_made_under_generated_names(shop: Shop) -> None:
    uid = shop.deployment()["metadata"]["uid"]
    about = client.V1ObjectReference(kind="Deployment", namespace="shop", name="checkout", uid=uid)
    event = client.CoreV1Event(
        metadata=client.V1ObjectMeta(generate_name="checkout-"),
        involved_object=about,
        reason="Restarted",
        message="by Responder",
        type="Normal",
    )
    made = await shop.core.create_namespaced_event("shop", event)
    other = await shop.core.create_namespaced_event("shop", event)
    assert made.metadata.name.startswith("checkout-")
    assert made.metadata.name != other.metadata.name
    found = await shop.core.list_namespaced_event(
        "shop", field_selector=f"involvedObject.uid={uid},reason=Restarted"
    )
    assert [one.message for one in found.items] == ["by Responder"] * 2


async def test_an_event_is_made_where_its_object_is(shop: Shop) -> None:
    about = client.V1ObjectReference(kind="Deployment", namespace="default", name="checkout")
    event = client.CoreV1Event(metadata=client.V1ObjectMeta(name="x"), involved_object=about)
    answer = await refused(shop.core.create_namespaced_event("shop", event))
    assert (
        answer["message"] == 'Event "x" is invalid: involvedObject.namespace: does not match event.namespace'
    )


# -- deleting and evicting -----------------------------------------------------------------------


async def test_a_pod_is_deleted_only_if_it_is_the_one_that_is_meant(shop: Shop) -> None:
    pod = shop.pods()[0]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    other = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))
    assert await refused(shop.core.delete_namespaced_pod(name, "shop", body=other)) == {
        "message": f'Operation cannot be fulfilled on pods "{name}": Precondition failed: '
        f"UID in precondition: other, UID in object meta: {uid}",
        "reason": "Conflict",
        "details": {"name": name, "kind": "pods"},
        "code": 409,
    }
    version = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid, resource_version="1"))
    answer = await refused(shop.core.delete_namespaced_pod(name, "shop", body=version))
    assert answer["message"].endswith(
        "Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: "
        f"{pod['metadata']['resourceVersion']}"
    )
    assert pod in shop.pods()
    dry = client.V1DeleteOptions(dry_run=["All"])
    await shop.core.delete_namespaced_pod(name, "shop", body=dry)
    await shop.core.delete_namespaced_pod(name, "shop", dry_run="All")
    assert pod in shop.pods()
    mine = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid))
    gone = await shop.core.delete_namespaced_pod(name, "shop", body=mine)
    assert (gone.metadata.uid, gone.metadata.deletion_grace_period_seconds) == (uid, 30)
    assert (await refused(shop.core.read_namespaced_pod(name, "shop")))["code"] == 404


async def test_a_pod_takes_its_time_to_stop_unless_it_gets_none(shop: Shop) -> None:
    shop.cluster.gone_after(5 * 10**9)
    first, second, _ = (pod["metadata"]["name"] for pod in shop.pods())
    await shop.core.delete_namespaced_pod(first, "shop")
    await shop.core.delete_namespaced_pod(second, "shop", grace_period_seconds=0)
    stopping = await shop.core.read_namespaced_pod(first, "shop")
    assert stopping.metadata.deletion_timestamp is not None
    assert (await refused(shop.core.read_namespaced_pod(second, "shop")))["code"] == 404
    await shop.seconds(5)
    assert (await refused(shop.core.read_namespaced_pod(first, "shop")))["code"] == 404


async def test_other_objects_go_with_a_status(shop: Shop) -> None:
    uid = shop.deployment()["metadata"]["uid"]
    async with shop.as_admin() as admin:
        answer = await admin.apps.delete_namespaced_deployment("checkout", "shop")
    assert (answer.status, answer.details.uid, answer.details.kind) == ("Success", uid, "deployments")
    assert shop.pods() == []


def eviction(name: str, **options: Any) -> client.V1Eviction:
    return client.V1Eviction(
        metadata=client.V1ObjectMeta(name=name), delete_options=client.V1DeleteOptions(**options)
    )


async def evict(shop: Shop, name: str, **options: Any) -> Any:
    return await shop.core.create_namespaced_pod_eviction_with_http_info(
        name, "shop", eviction(name, **options)
    )


async def test_evictions_go_as_far_as_the_budget(shop: Shop) -> None:
    first, second, _ = (pod["metadata"]["name"] for pod in shop.pods())
    answer, status, _ = await evict(shop, first)
    assert (answer.kind, status) == ("Status", 201)
    assert await refused(evict(shop, second)) == {
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "reason": "TooManyRequests",
        "details": {
            "causes": [
                {
                    "reason": "DisruptionBudget",
                    "message": "The disruption budget checkout needs 2 healthy pods and has 2 currently",
                }
            ]
        },
        "code": 429,
    }
    # The pod that took the place of the first one gets ready, and there is room again.
    await shop.seconds(2)
    assert (await evict(shop, second))[1] == 201


async def test_a_refusal_of_a_budget_names_no_time_and_one_that_lags_does(shop: Shop) -> None:
    shop.cluster.apply(budget("shop", "checkout", minAvailable=3))
    name = shop.pods()[0]["metadata"]["name"]
    assert "Retry-After" not in (await told(evict(shop, name))).headers
    shop.cluster.budgets_lag()
    shop.cluster.apply(budget("shop", "checkout", minAvailable=1))
    lags = await told(evict(shop, name))
    assert (lags.status, lags.headers["Retry-After"]) == (429, "10")
    assert "is still being processed by the server." in lags.body
    shop.cluster.budgets_lag(lag=False)
    assert (await evict(shop, name))[1] == 201


async def test_two_budgets_for_a_pod_are_an_error_without_a_reason(shop: Shop) -> None:
    shop.cluster.apply(budget("shop", "checkout") | {"metadata": {"name": "other", "namespace": "shop"}})
    answer = await refused(evict(shop, shop.pods()[0]["metadata"]["name"]))
    assert answer == {
        "message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
        "support.",
        "code": 500,
    }


@pytest.mark.parametrize(("policy", "goes"), [("AlwaysAllow", True), (None, False)])
async def test_pods_that_are_not_ready_may_go_if_the_budget_says_so(
    shop: Shop, policy: str | None, goes: bool
) -> None:
    said: dict[str, Any] = {"unhealthyPodEvictionPolicy": policy} if policy else {}
    shop.cluster.apply(budget("shop", "cart", minAvailable=2, **said))
    await shop.core.delete_namespaced_pod(shop.pods("cart")[0]["metadata"]["name"], "shop")
    (unready,) = [pod for pod in shop.pods("cart") if not pod["status"]["containerStatuses"][0]["ready"]]
    call = evict(shop, unready["metadata"]["name"])
    if goes:
        assert (await call)[1] == 201
    else:
        assert (await refused(call))["code"] == 429


async def test_a_pod_that_is_not_ready_may_go_while_the_budget_has_its_number(shop: Shop) -> None:
    shop.cluster.apply(budget("shop", "cart", minAvailable=1))
    await shop.core.delete_namespaced_pod(shop.pods("cart")[0]["metadata"]["name"], "shop")
    (unready,) = [pod for pod in shop.pods("cart") if not pod["status"]["containerStatuses"][0]["ready"]]
    assert (await evict(shop, unready["metadata"]["name"]))[1] == 201


async def test_an_eviction_names_its_pod_and_may_insist_on_its_uid(shop: Shop) -> None:
    name = shop.pods()[0]["metadata"]["name"]
    wrong = shop.core.create_namespaced_pod_eviction(name, "shop", eviction("other"))
    assert (await refused(wrong))["message"] == "name in URL does not match name in Eviction object"
    other = evict(shop, name, preconditions=client.V1Preconditions(uid="other"))
    assert (await refused(other))["code"] == 409
    assert (await evict(shop, name, dry_run=["All"]))[1] == 201
    assert name in {pod["metadata"]["name"] for pod in shop.pods()}


async def test_a_pods_spec_stays_as_it_is(shop: Shop) -> None:
    name = shop.pods()[0]["metadata"]["name"]
    async with shop.as_admin() as admin:
        await admin.core.patch_namespaced_pod(
            name, "shop", {"spec": {"containers": [{"name": "checkout", "image": "other"}]}}
        )
        answer = await refused(
            admin.core.patch_namespaced_pod(name, "shop", {"spec": {"nodeName": "node-9"}})
        )
    assert answer["details"]["causes"][0]["reason"] == "FieldValueForbidden"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/apis/apps/v1/namespaces/shop/deployments/checkout", 405),
        ("DELETE", "/apis/apps/v1/namespaces/shop/deployments", 405),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/checkout/status", 405),
        ("GET", "/apis/apps/v1/namespaces/shop/deployments/checkout/nothing", 404),
        ("GET", "/apis/apps/v1beta1/namespaces/shop/deployments", 404),
        ("GET", "/api/v1/namespaces/shop/secrets", 404),
        ("GET", "/apis", 404),
    ],
)
async def test_what_is_not_served_is_said(shop: Shop, method: str, path: str, code: int) -> None:
    call = shop.api.call_api(path, method, auth_settings=["BearerToken"], _return_http_data_only=True)
    assert (await refused(call))["code"] == code
