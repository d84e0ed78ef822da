"""What `helm test` asks of Responder: that it is ready, and that whoever shows no token is refused.

The chart's test pod runs it with the image's Python and the Service's address; it must need nothing else.
"""

import http.client
import sys
from contextlib import suppress
from urllib.parse import urlsplit


def ask(base: str, method: str, path: str) -> int:
    """The status of the answer."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    try:
        connection.request(method, path, body="{}", headers={"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def main(base: str) -> int:
    """Says what was found; 0 if all is as it should be."""
    wrong = 0
    # 403 is the mesh's own way to refuse.
    for method, path, wanted in (("GET", "/-/ready", (200,)), ("POST", "/webhooks/alertmanager", (401, 403))):
        status = ask(base, method, path)
        wrong += status not in wanted
        verdict = "" if status in wanted else f", not {' or '.join(map(str, wanted))}"
        sys.stdout.write(f"{method} {base}{path}: {status}{verdict}\n")
    # In a mesh the proxy beside us would go on, and the pod never end.
    with suppress(OSError):
        ask("http://127.0.0.1:15020", "POST", "/quitquitquit")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
