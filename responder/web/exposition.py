"""`/metrics`: who may read it, and what is written there.

`connection` and `app` answer from here, so that both ways in say the same; the short way does before there
is a general one, so that nobody who starts again is blind for as long as that takes to import.
"""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from responder.web.access import Access, Asked
from responder.web.answer import Answer


class Exposition:
    """What Prometheus reads."""

    def __init__(
        self,
        access: Access,
        registry: CollectorRegistry,
        refresh: Callable[[], Awaitable[None]],
        *,
        public: bool,
    ) -> None:
        """`refresh` brings the gauges up to date. The role `read` is needed unless it is `public`."""
        self._access = access
        self._registry = registry
        self._refresh = refresh
        self._public = public

    async def answer(self, request: Asked) -> Answer:
        """Prometheus' text format, or OpenMetrics, which has exemplars, for those who ask for it.

        Raises what `Access.check` does.
        """
        if not self._public:
            self._access.check(request, "read")
        await self._refresh()
        encode, content_type = choose_encoder(request.headers.get("accept") or "")
        return Answer(200, encode(self._registry), content_type=content_type)
