"""A stand-in for Prometheus that knows two kinds of queries: which alerts fire, and what restarts.

The sandbox and tests mount it beside the clusters that it looks at, and tell it which alerts there
are, or under which rule restarts are one. Whatever else is asked is `bad_data`, so that nobody takes it
for the real one.
"""

import json
import operator
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, cast

from aiohttp import web

from responder.clock import Clock
from responder.core.matching import Matcher, MatcherError, Op, all_match
from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds, parse_duration, parse_time
from responder.errors import UsageError
from responder.sandbox.kubernetes.cluster import Cluster

RESTARTS: Final = "restarts_by_deployment"

Series: TypeAlias = dict[str, str]

_SELECTOR: Final = r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{(?P<matchers>.*)\}"
_ALERTS: Final = re.compile(_SELECTOR)
_COMPARED: Final = r"(\s*(?P<how>==|!=|<=|>=|<|>)\s*(?P<bound>[0-9]+(\.[0-9]+)?))?"
_INCREASED: Final = rf"increase\s*\(\s*{_SELECTOR}\s*\[(?P<range>[0-9a-z]+)\]\s*\)"
_INCREASE: Final = re.compile(_INCREASED + _COMPARED)
_SUM: Final = re.compile(
    rf"sum\s*\(\s*{_INCREASED}\s+and\s+(?P<there>(?P=name)\s*\{{(?P=matchers)\}})\s*\){_COMPARED}"
)
_MATCHER: Final = re.compile(
    r'\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>"(\\.|[^"\\])*")\s*(?P<more>,|$)'
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class BadQuery(Exception):
    """A query that is not answered here; the text says why."""


class Sample(NamedTuple):
    """One series of a result."""

    series: Series
    value: float


@dataclass(frozen=True, slots=True)
class RestartRule:
    """An alerting rule: it fires for each Deployment whose pods restart more than `above` times in a time.

    Pods that are gone do not count. Its labels: `alertname`, `severity`, and the Deployment's cluster,
    namespace and name (this as `service` too).
    """

    alertname: str
    severity: str
    above: int = 5
    within: Nanoseconds = HOUR


class Prometheus:
    """It looks at the clusters, and at `alerts`: each a set of labels, `alertname` among them."""

    def __init__(self, clock: Clock, *clusters: Cluster) -> None:
        """No alert is there."""
        self.alerts: list[Series] = []
        self.rules: list[RestartRule] = []
        self.queries: deque[str] = deque(maxlen=1_000)
        self._clusters = clusters
        self._clock = clock
        self._faults: deque[str] = deque()

    def fire(self, alertname: str, *, alertstate: str = "firing", **labels: str) -> None:
        """Let an alert fire, or be `pending`."""
        self.alerts.append({"alertname": alertname, "alertstate": alertstate, **labels})

    def end(self, alertname: str, **labels: str) -> None:
        """Let those alerts end that have these labels."""
        wanted = {"alertname": alertname, **labels}.items()
        self.alerts[:] = [alert for alert in self.alerts if not wanted <= alert.items()]

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of those that it looks at."""
        return tuple(cluster.name for cluster in self._clusters)

    def by_rules(self) -> list[Series]:
        """The alerts that fire by `rules`."""
        return [alert for rule in self.rules for alert in self._by(rule)]

    def _by(self, rule: RestartRule) -> list[Series]:
        fixed = {"alertname": rule.alertname, "alertstate": "firing", "severity": rule.severity}
        return [
            {**fixed, **sample.series, "service": sample.series["deployment"]}
            for sample in self._restarts([], rule.within, present=True)
            if sample.value > rule.above
        ]

    def fault(self, kind: str, times: int = 1) -> None:
        """Let the next queries go wrong: `503`, `bad_json`, or `reset`. Raises UsageError."""
        if kind not in ("503", "bad_json", "reset"):
            raise UsageError(f"no fault is called {kind!r}; there are 503, bad_json, reset")
        self._faults.extend([kind] * times)

    def add_routes(self, app: web.Application, prefix: str = "/prometheus") -> None:
        """Serve `PREFIX/api/v1/query`."""
        app.router.add_get(f"{prefix}/api/v1/query", self._serve)
        app.router.add_post(f"{prefix}/api/v1/query", self._serve)

    def ask(self, query: str) -> list[Sample]:
        """What the query selects now. Raises BadQuery."""
        text = query.strip()
        summed = _SUM.fullmatch(text)
        if found := summed or _INCREASE.fullmatch(text):
            if found["name"] != RESTARTS:
                raise BadQuery(f"of increase this stand-in knows {RESTARTS} alone")
            matchers, within = _matchers(found["matchers"]), _duration(found["range"])
            samples = self._restarts(matchers, within, present=summed is not None)
            if summed and samples:
                samples = [Sample({}, sum(sample.value for sample in samples))]
            if how := found["how"]:
                bound = float(found["bound"])
                samples = [sample for sample in samples if _COMPARE[how](sample.value, bound)]
            return samples
        found = _ALERTS.fullmatch(text)
        if not found or found["name"] != "ALERTS":
            raise BadQuery(
                f"parse error: this stand-in knows ALERTS{{...}} and increase({RESTARTS}{{...}}[5m]) alone, "
                "the latter with or without a comparison, or as sum(increase(X[5m]) and X)"
            )
        matchers = _matchers(found["matchers"])
        firing = [{"__name__": "ALERTS", **alert} for alert in (*self.alerts, *self.by_rules())]
        return [Sample(series, 1) for series in firing if all_match(matchers, series)]

    def _restarts(
        self, matchers: list[Matcher], within: Nanoseconds, *, present: bool = False
    ) -> list[Sample]:
        """By Deployment. `present`: of the pods that are there now alone."""
        samples = []
        for cluster in self._clusters:
            for deployment in cluster.objects("Deployment"):
                namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
                series = {"cluster": cluster.name, "deployment": name, "namespace": namespace}
                if all_match(matchers, series):
                    samples.append(Sample(series, cluster.crashed(namespace, name, within, present=present)))
        return samples

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        given: Any = request.query if request.method == "GET" else await request.post()
        query = str(given.get("query", ""))
        self.queries.append(query)
        match self._faults.popleft() if self._faults else "":
            case "503":
                return _refused(503, "unavailable", "asked for")
            case "bad_json":
                return web.Response(text='{"status": "succ', content_type="application/json")
            case "reset":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=500)
            case _:
                pass
        now = self._clock.now()
        try:
            if abs(_time(given["time"]) - now if "time" in given else 0) > MINUTE:
                raise BadQuery("this stand-in knows the present alone")
            samples = self.ask(query)
        except BadQuery as error:
            return _refused(400, "bad_data", f'invalid parameter "query": 1:1: {error}')
        at = now // 1_000_000 / 1_000
        result = [{"metric": sample.series, "value": [at, f"{sample.value:g}"]} for sample in samples]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _matchers(text: str) -> list[Matcher]:
    """Those between the braces. Raises BadQuery."""
    matchers = []
    at = 0
    while text[at:].strip():
        found = _MATCHER.match(text, at)
        if not found:
            raise BadQuery(f"parse error: not a matcher: {text[at:]!r}")
        try:
            matchers.append(Matcher(found["label"], cast(Op, found["how"]), json.loads(found["value"])))
        except (ValueError, MatcherError) as error:
            raise BadQuery(f"parse error: {error}") from None
        at = found.end()
    return matchers


def _duration(text: str) -> Nanoseconds:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadQuery(f"parse error: {error}") from None


def _time(text: str) -> Nanoseconds:
    """Seconds since the epoch, or RFC 3339."""
    try:
        return int(float(text) * SECOND)
    except ValueError:
        pass
    try:
        return parse_time(text)
    except ValueError:
        raise BadQuery(f"cannot parse {text!r} to a valid timestamp") from None


def _refused(status: int, kind: str, error: str) -> web.Response:
    return web.json_response({"status": "error", "errorType": kind, "error": error}, status=status)
