"""A stand-in for Prometheus that knows two kinds of queries: which alerts fire, and what restarts.

The sandbox and tests mount it beside the clusters that it looks at, and tell it which alerts there
are. Whatever else is asked is `bad_data`, so that nobody takes it for the real one.
"""

import json
import operator
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, cast

from aiohttp import web

from responder.clock import Clock
from responder.core.matching import Matcher, MatcherError, Op, all_match
from responder.core.model import MINUTE, SECOND, Nanoseconds, parse_duration, parse_time
from responder.errors import UsageError
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.pods import workload_of

RESTARTS: Final = "restarts_by_deployment"

Series: TypeAlias = dict[str, str]

_Key: TypeAlias = tuple[str, str, str, str, str]

_QUOTED: Final = r'"(?:\\.|[^"\\])*"'
_BRACES: Final = rf'\{{((?:{_QUOTED}|[^"{{}}])*)\}}'
_ALERTS: Final = re.compile(rf"ALERTS\s*{_BRACES}")
_INCREASE: Final = re.compile(
    rf"increase\s*\(\s*{RESTARTS}\s*{_BRACES}\s*\[([0-9a-z]+)\]\s*\)(?:\s*and\s+{RESTARTS}\s*{_BRACES})?"
)
_SUM: Final = re.compile(r"sum\s*\((.*)\)", re.DOTALL)
_COMPARISON: Final = re.compile(r"(.*\))\s*(==|!=|<=|>=|<|>)\s*([0-9]+(?:\.[0-9]+)?)", re.DOTALL)
_MATCHER: Final = re.compile(
    rf"\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>{_QUOTED})\s*(?:,|$)"
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
    """An alerting rule: it fires for a Deployment whose pods restarted more than `above` times in a time.

    Its labels: `alertname`, `severity`, the Deployment's cluster, namespace and name, this as `service` too.
    """

    alertname: str
    severity: str
    above: int = 5
    within: str = "1h"


class Prometheus:
    """It looks at the clusters, and at `alerts`: each a set of labels, `alertname` among them.

    `every`: how often restarts are recorded. A pod must have been there twice before anything is said
    of it; 0 (so it begins): at once.
    """

    def __init__(self, clock: Clock, *clusters: Cluster, every: Nanoseconds = 0) -> None:
        """No alert is there."""
        self.every = every
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
        """The alerts that fire by `rules`, by the same query as in rules/prometheus/."""
        return [alert for rule in self.rules for alert in self._by(rule)]

    def _by(self, rule: RestartRule) -> Iterator[Series]:
        counted: Counter[tuple[str, str, str]] = Counter()
        for sample in self._increases(f"increase({RESTARTS}{{}}[{rule.within}]) and {RESTARTS}{{}}"):
            series = sample.series
            counted[series["cluster"], series["namespace"], series["deployment"]] += int(sample.value)
        for (cluster, namespace, name), restarts in sorted(counted.items()):
            if restarts > rule.above:
                where = {"cluster": cluster, "namespace": namespace, "deployment": name, "service": name}
                state = {"alertname": rule.alertname, "alertstate": "firing", "severity": rule.severity}
                yield {**state, **where}

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
        if found := _ALERTS.fullmatch(text):
            matchers = _matchers(found[1])
            alerts = [{"__name__": "ALERTS", **alert} for alert in (*self.alerts, *self.by_rules())]
            return [Sample(series, 1) for series in alerts if all_match(matchers, series)]
        if found := _COMPARISON.fullmatch(text):
            compare, bound = _COMPARE[found[2]], float(found[3])
            return [sample for sample in self._vector(found[1]) if compare(sample.value, bound)]
        return self._vector(text)

    def _vector(self, text: str) -> list[Sample]:
        """Increases, or their sum; of no series there is none."""
        if found := _SUM.fullmatch(text):
            parts = self._increases(found[1].strip())
            return [Sample({}, sum(part.value for part in parts))] if parts else []
        return self._increases(text)

    def _increases(self, text: str) -> list[Sample]:
        found = _INCREASE.fullmatch(text)
        if not found:
            raise BadQuery(
                "parse error: this stand-in knows ALERTS{...} and "
                f"increase({RESTARTS}{{...}}[5m]), the latter with or without `and {RESTARTS}{{...}}`, "
                "sum() and a comparison with a number"
            )
        chosen, within = _matchers(found[1]), _duration(found[2])
        there = self._containers()
        present = _matchers(found[3] or "")
        samples = {key: 0 for key in there if all_match(present, _series(key))}
        for cluster in self._clusters:
            since = self._clock.monotonic() - within
            for crash in cluster.crashes:
                key = (cluster.name, crash.container, crash.workload, crash.namespace, crash.pod)
                # A pod that has gone has restarts still, unless who asks wants those that are there.
                if crash.at > since and (key in samples or found[3] is None):
                    samples[key] = samples.get(key, 0) + 1
        made = [Sample(_series(key), value) for key, value in sorted(samples.items())]
        return [sample for sample in made if all_match(chosen, sample.series)]

    def _containers(self) -> list[_Key]:
        """Those of all pods of Deployments that are recorded twice by now: increase() needs two samples."""
        now = self._clock.now()
        recorded = now - now % self.every - self.every if self.every else now
        return [
            (cluster.name, container["name"], workload, pod["metadata"]["namespace"], pod["metadata"]["name"])
            for cluster in self._clusters
            for pod in cluster.objects("Pod")
            if (workload := workload_of(pod)) and parse_time(pod["metadata"]["creationTimestamp"]) <= recorded
            for container in pod["spec"]["containers"]
        ]

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


def _series(key: _Key) -> Series:
    """The labels of a container's restarts; increase() has taken the name away."""
    return dict(zip(("cluster", "container", "deployment", "namespace", "pod"), key, strict=True))


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
