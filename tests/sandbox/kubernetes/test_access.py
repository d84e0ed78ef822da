"""Tokens and rules: 401 and 403 as the real one says them."""

from typing import Any

import aiohttp
import pytest
from kubernetes_asyncio import client

from responder.sandbox.kubernetes.access import EVERYTHING, ROLE, Rule, User
from tests.sandbox.kubernetes.shop import Shop, connected, refused

ME = "system:serviceaccount:responder:responder"


@pytest.mark.parametrize("header", ["", "Bearer other", "Basic {}", "bearer {}", "{}"])
async def test_without_its_token_nothing_opens(shop: Shop, header: str) -> None:
    headers = {"Authorization": header.format(shop.cluster.token)} if header else {}
    for path in ("/version", "/api/v1/namespaces", "/nothing/at/all"):
        async with aiohttp.ClientSession(shop.cluster.url, headers=headers) as http, http.get(path) as answer:
            assert answer.status == 401
            assert await answer.json() == {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": "Unauthorized",
                "reason": "Unauthorized",
                "code": 401,
            }


async def test_a_token_that_is_revoked_opens_nothing_any_more(shop: Shop) -> None:
    await shop.read()
    shop.cluster.revoke(shop.cluster.token)
    assert (await refused(shop.read()))["code"] == 401


async def test_what_no_rule_allows_is_forbidden_by_name(shop: Shop) -> None:
    shop.cluster.user.rules.remove(Rule("get list watch patch", "deployments", "apps"))
    assert await refused(shop.restart()) == {
        "message": f'deployments.apps "checkout" is forbidden: User "{ME}" cannot patch '
        'resource "deployments" in API group "apps" in the namespace "shop"',
        "reason": "Forbidden",
        "details": {"name": "checkout", "group": "apps", "kind": "deployments"},
        "code": 403,
    }
    assert shop.cluster.restarts("shop", "checkout") == []


async def test_subresources_are_rules_of_their_own(shop: Shop) -> None:
    shop.cluster.user.rules[:] = [Rule("*", "deployments", "apps")]
    await shop.read()
    answer = await refused(shop.apps.read_namespaced_deployment_scale("checkout", "shop"))
    assert answer["message"] == (
        f'deployments.apps "checkout" is forbidden: User "{ME}" cannot get resource "deployments/scale" '
        'in API group "apps" in the namespace "shop"'
    )


async def test_lists_watches_and_the_whole_cluster_are_asked_for_by_their_names(shop: Shop) -> None:
    shop.cluster.user.rules[:] = []
    calls = {
        f'pods is forbidden: User "{ME}" cannot list resource "pods" in API group "" '
        'in the namespace "shop"': (shop.core.list_namespaced_pod("shop")),
        f'pods is forbidden: User "{ME}" cannot watch resource "pods" in API group "" at the cluster scope': (
            shop.core.list_pod_for_all_namespaces(watch=True)
        ),
        f'nodes "node-1" is forbidden: User "{ME}" cannot get resource "nodes" in API group "" '
        "at the cluster scope": shop.core.read_node("node-1"),
    }
    for message, call in calls.items():
        assert (await refused(call))["message"] == message


async def test_a_rule_may_hold_in_one_namespace(shop: Shop) -> None:
    shop.cluster.user.rules[:] = [Rule("get", "deployments", "apps", "shop")]
    await shop.read()
    assert (await refused(shop.apps.read_namespaced_deployment("checkout", "default")))["code"] == 403


async def test_who_may_not_is_told_so_before_what_is_not_there(shop: Shop) -> None:
    shop.cluster.user.rules[:] = []
    assert (await refused(shop.read("nothing")))["code"] == 403


async def test_other_accounts_have_rules_of_their_own(shop: Shop) -> None:
    shop.cluster.add_user("t", "ana", Rule("get", "pods"))
    async with connected(shop.cluster, "t") as api:
        answer = await refused(client.AppsV1Api(api).read_namespaced_deployment("checkout", "shop"))
    assert 'User "ana" cannot get' in answer["message"]
    assert [(call.user, call.status) for call in shop.cluster.calls] == [("ana", 403)]


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "shop"}, True),
        ({"verb": "delete", "group": "apps", "resource": "deployments", "namespace": "shop"}, False),
        ({"verb": "create", "resource": "pods", "subresource": "eviction"}, True),
        ({"verb": "create", "resource": "pods"}, False),
    ],
)
async def test_one_may_ask_what_one_may(shop: Shop, attributes: Any, allowed: bool) -> None:
    api = client.AuthorizationV1Api(shop.api)
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(**attributes))
    review = client.V1SelfSubjectAccessReview(spec=spec)
    answer = await api.create_self_subject_access_review(review)
    assert answer.status.allowed is allowed


async def test_the_version_can_be_asked_for(shop: Shop) -> None:
    version = await client.VersionApi(shop.api).get_code()
    assert (version.git_version, version.minor) == ("v1.37.0+responder-sandbox", "37")


def test_the_role_is_what_the_actions_need_and_no_more() -> None:
    mine = User(ME, [*ROLE])
    assert not mine.may("delete", "apps", "deployments", "shop")
    assert not mine.may("create", "", "pods", "shop")
    assert not mine.may("get", "", "secrets", "shop")
    assert mine.may("create", "", "pods/eviction", "shop")
    assert User("admin", [*EVERYTHING]).may("delete", "", "secrets", "shop")
