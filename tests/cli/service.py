"""What answers where a service should: one canned answer, and a record of what was asked."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Steps(list[object]):
    """Answers that are given one after the other."""


class Service:
    """Listens on loopback while it is entered.

    `asked` holds (method, path, Authorization), `bodies` the documents that came with them.
    `others`: by method and path, what is answered there instead; of Steps the next one each time.
    """

    def __init__(
        self,
        answer: object,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        others: Mapping[tuple[str, str], object] | None = None,
    ) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.bodies: list[Any] = []
        asked, bodies = self.asked, self.bodies
        elsewhere = others or {}

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.command, self.path, self.headers["Authorization"]))
                length = int(self.headers.get("Content-Length", "0"))
                if length:
                    bodies.append(json.loads(self.rfile.read(length)))
                given = elsewhere.get((self.command, self.path), answer)
                if isinstance(given, Steps):
                    given = given.pop(0)
                body = given if isinstance(given, bytes) else json.dumps(given).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
