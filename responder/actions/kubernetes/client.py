"""One cluster's API: get, list, patch and create, each one HTTP request with a time limit.

The actions and the doctor of this package call it. It never repeats a request that may have changed
something, follows no redirect, takes no proxy from the environment (a kubeconfig may name one), and
lets no credential out.
"""

import asyncio
import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiohttp
import yaml

from responder import __version__
from responder.actions.kubernetes.failure import CallFailed, Redirected, Subject, meaning
from responder.core.model import SECOND, Nanoseconds
from responder.settings.values import Cluster
from responder.tracing import calling

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, Configuration

Object: TypeAlias = dict[str, Any]
"""An object as its JSON: nothing that a newer server knows and we do not is lost on the way back."""

FIELD_MANAGER: Final = "responder"
CALL_TIMEOUT: Final = 10 * SECOND
REQUEST_TIMEOUT: Final = 60 * SECOND
"""How long an API server works on a request at the most (`--request-timeout`), whoever waits or not."""

STRATEGIC_MERGE: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

_CONNECT: Final = 5
_PAGE: Final = 500
_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object, or all of a kind, is: `apps/v1`, `deployments`, a namespace, a name."""

    api: str
    resource: str
    namespace: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        """The path with `{...}` where the client puts percent-encoded segments."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        within = "/namespaces/{namespace}" if self.namespace else ""
        return f"{root}{within}/{self.resource}" + ("/{name}" if self.name else "")

    @property
    def segments(self) -> dict[str, str]:
        """What stands in the path's places."""
        given = {"namespace": self.namespace, "name": self.name}
        return {key: value for key, value in given.items() if value}

    @property
    def shown(self) -> str:
        """The path as people read it."""
        return self.path.replace("{namespace}", self.namespace).replace("{name}", self.name)


class Api:
    """A cluster. It connects when it is first asked, and once more after its credentials were refused."""

    def __init__(self, settings: Cluster, timeout: Nanoseconds = CALL_TIMEOUT) -> None:
        """`timeout` is for each request. `asking`: how many are on their way."""
        self.name = settings.cluster
        self._settings = settings
        self._timeout = timeout
        self._client: ApiClient | None = None
        self._retired: list[ApiClient] = []
        self._loading: asyncio.Task[Configuration] | None = None
        self._making = asyncio.Lock()
        self.asking = 0

    async def get(self, place: Place) -> Object:
        """An object. Raises CallFailed."""
        return await self._ask("get", "GET", place)

    async def find(self, place: Place, **selectors: str) -> list[Object]:
        """Every object of a kind. Raises CallFailed."""
        found: list[Object] = []
        query: dict[str, str] = {**selectors, "limit": str(_PAGE)}
        for _ in range(_PAGES):
            answer = await self._ask("list", "GET", place, query)
            found += [item for item in answer.get("items") or () if isinstance(item, dict)]
            more = (answer.get("metadata") or {}).get("continue")
            if not more:
                return found
            query["continue"] = more
        raise CallFailed(self._subject("list", place), f"there are more than {len(found)}")

    async def patch(self, place: Place, body: Object | list[Object], content_type: str) -> Object:
        """Change an object, once. Raises CallFailed, which says whether it may have been changed."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._ask("patch", "PATCH", place, query, body, content_type)

    async def create(self, place: Place, body: Object) -> Object:
        """Make an object. Raises CallFailed."""
        return await self._ask("create", "POST", place, {"fieldManager": FIELD_MANAGER}, body)

    async def close(self) -> None:
        """Close every connection."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        clients, self._client, self._retired = [self._client, *self._retired], None, []
        for client in clients:
            if client is not None:
                await client.close()

    # -- one request ----------------------------------------------------------------------

    def _subject(self, verb: str, place: Place) -> Subject:
        return Subject(verb, place.resource, place.namespace, place.name, self.name)

    async def _ask(
        self,
        verb: str,
        method: str,
        place: Place,
        query: Mapping[str, str] | None = None,
        body: Object | list[Object] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        subject = self._subject(verb, place)
        self.asking += 1
        try:
            client = await self._connected(subject)
            try:
                return await self._request(client, subject, method, place, query, body, content_type)
            except CallFailed as failed:
                if failed.status != 401 or not await self._renewed(client, subject):
                    raise
            # Refused at the door: nothing was done, and a token that was rotated is another by now.
            client = await self._connected(subject)
            return await self._request(client, subject, method, place, query, body, content_type)
        finally:
            self.asking -= 1
            while self._retired and not self.asking:
                await self._retired.pop().close()

    async def _request(
        self,
        client: "ApiClient",
        subject: Subject,
        method: str,
        place: Place,
        query: Mapping[str, str] | None,
        body: Object | list[Object] | None,
        content_type: str,
    ) -> Object:
        limit = self._timeout / SECOND
        what = f"{subject.verb} {subject.resource}"
        with calling(what, str(client.configuration.host), method) as call:
            header_params = {"Accept": "application/json", "Content-Type": content_type, **call.headers}
            try:
                answer = await client.call_api(
                    place.path,
                    method,
                    path_params=place.segments,
                    query_params=list((query or {}).items()),
                    header_params=header_params,
                    body=body,
                    response_types_map={200: "object", 201: "object"},
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _request_timeout=aiohttp.ClientTimeout(total=limit, sock_connect=min(limit, _CONNECT)),
                )
            except Exception as error:  # the library lets aiohttp's, its own and the standard library's out
                failed = meaning(error, subject, self._timeout, _credential(client))
                call.came_to(failed.status)
                raise failed from None
        if not isinstance(answer, dict):
            raise CallFailed(subject, "the answer is no object", sent=method != "GET")
        return answer

    # -- the connection -------------------------------------------------------------------

    async def _connected(self, subject: Subject) -> "ApiClient":
        async with self._making:
            if self._client is None:
                self._client = self._connect(await self._configuration(subject), subject)
            return self._client

    async def _renewed(self, refused: "ApiClient", subject: Subject) -> bool:
        """Read the credentials again; whether they are others than those that were refused."""
        async with self._making:
            if self._client is not refused:
                return True
            configuration = await self._configuration(subject)
            known = refused.configuration
            if configuration.api_key == known.api_key and not configuration.cert_file:
                return False
            self._client = self._connect(configuration, subject)
            # Others may wait for an answer on the old connections: they are closed when nobody does.
            self._retired.append(refused)
        return True

    async def _configuration(self, subject: Subject) -> "Configuration":
        await _imported()
        from kubernetes_asyncio import config
        from kubernetes_asyncio.client import Configuration

        # What it logs may hold what a credential plugin wrote.
        logging.getLogger("kubernetes_asyncio").setLevel(logging.CRITICAL + 1)
        made = Configuration()
        path = self._settings.kubeconfig
        try:
            if path is None:
                config.load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
            else:
                path.read_bytes()  # the library says of a file that is missing only that nothing was found
                made = await asyncio.wait_for(asyncio.shield(self._load(path)), self._timeout / SECOND)
        except TimeoutError:
            raise CallFailed(subject, f"the credential plugin of {path} does not come to an end") from None
        except OSError as error:
            where = "the token of this pod" if path is None else str(path)
            words = f"{where} cannot be read: {error.strerror or 'no reason given'}"
            raise CallFailed(subject, words) from None
        except yaml.YAMLError:
            raise CallFailed(subject, f"{path} is no YAML") from None
        except Exception as error:  # ConfigException, KeyError...: their words may hold a token
            raise CallFailed(subject, self._unusable(type(error).__name__)) from None
        if token := made.api_key.get("BearerToken"):
            made.api_key["BearerToken"] = token.strip()
        return made

    def _load(self, path: Path) -> "asyncio.Task[Configuration]":
        """One load at a time: a credential plugin that hangs must not be started again and again."""
        from kubernetes_asyncio import config
        from kubernetes_asyncio.client import Configuration

        async def load() -> "Configuration":
            made = Configuration()
            await config.load_kube_config(
                config_file=str(path),
                context=self._settings.context or None,
                client_configuration=made,
                persist_config=False,
            )
            return made

        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(load(), name=f"kubeconfig {self.name}")
        return self._loading

    def _unusable(self, kind: str) -> str:
        path, context = self._settings.kubeconfig, self._settings.context
        if path is None:
            return "no kubeconfig is set, and this is no pod of a cluster"
        which = f"the context {context!r}" if context else "the current context"
        return f"{which} of {path}, or what it names, is missing or cannot be used ({kind})"

    def _connect(self, configuration: "Configuration", subject: Subject) -> "ApiClient":
        from kubernetes_asyncio.client import ApiClient

        try:
            client = ApiClient(configuration)
        except (OSError, ValueError):  # an SSLError is an OSError; its words say too little
            words = f"the certificates that {self._settings.kubeconfig} names cannot be used"
            raise CallFailed(subject, words) from None
        client.user_agent = f"responder/{__version__}"
        # Its own session takes proxies from the environment and follows redirects.
        rest: Any = client.rest_client
        old: aiohttp.ClientSession = rest.pool_manager
        rest.pool_manager = aiohttp.ClientSession(
            connector=old.connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_no_redirects,),
            read_bufsize=2**21,
        )
        old.detach()
        return client


async def _imported() -> None:
    await asyncio.to_thread(importlib.import_module, "kubernetes_asyncio.client")


async def _no_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    response = await handler(request)
    if response.status in (301, 302, 303, 307, 308):
        response.close()
        raise Redirected
    return response


def _credential(client: "ApiClient") -> str:
    key = client.configuration.api_key.get("BearerToken") or ""
    return str(key).rpartition(" ")[2]


class Clusters:
    """The clusters that are configured, by name."""

    def __init__(self, settings: tuple[Cluster, ...], timeout: Nanoseconds = CALL_TIMEOUT) -> None:
        """Connect to none yet."""
        self._apis = {cluster.cluster: Api(cluster, timeout) for cluster in settings}

    def named(self, name: str) -> Api | None:
        """The cluster of that name."""
        return self._apis.get(name)

    @property
    def asking(self) -> bool:
        """Whether a request is on its way."""
        return any(api.asking for api in self._apis.values())

    async def warm(self) -> None:
        """Import the client library: it takes a second or more, which a decision should not wait for."""
        if self._apis:
            await _imported()

    async def close(self) -> None:
        """Close every connection."""
        for api in self._apis.values():
            await api.close()
