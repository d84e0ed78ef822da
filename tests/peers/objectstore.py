"""A small object store that speaks S3's protocol on loopback: what rclone needs of it, and nothing else.

Rehearsals of backups carry their dumps to it. It looks at who asks (the name of the key, not the signature),
and takes nothing that is not to be encrypted.
"""

import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.peers.ports import free_port

_WHEN: Final = "2026-01-01T00:00:00.000Z"


class ObjectStore:
    """Buckets, each with the one key that may use it."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = dict(keys)
        self.buckets: dict[str, dict[str, bytes]] = {bucket: {} for bucket in keys}
        self.headers: dict[tuple[str, str], dict[str, str]] = {}
        self.down = False
        """Whether it answers 503 to everything."""
        self.damages = False
        """Whether it keeps only the first half of what it is given, and says nothing."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), type("Page", (_Page,), {"store": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Make these all that there is in a bucket."""
        self.buckets[bucket] = dict(objects)
        for key in objects:
            self.headers[bucket, key] = {}

    def clear(self) -> None:
        """Empty every bucket, and be well again."""
        for objects in self.buckets.values():
            objects.clear()
        self.headers.clear()
        self.down = self.damages = False

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Page(BaseHTTPRequestHandler):
    store: ObjectStore
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
        pass

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode())

    def look(self) -> tuple[dict[str, bytes], str, str, dict[str, str]] | None:
        """The bucket, its name, the key, the query; None: it is answered already."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        asked = self.headers.get("Authorization", "").partition("Credential=")[2]
        asked = asked or query.get("X-Amz-Credential", "")
        if self.store.down:
            self.refuse(503, "SlowDown")
        elif bucket not in self.store.buckets:
            self.refuse(404, "NoSuchBucket")
        elif asked.partition("/")[0] != self.store.keys[bucket]:
            self.refuse(403, "InvalidAccessKeyId")
        else:
            return self.store.buckets[bucket], bucket, key, query
        return None

    def do_GET(self) -> None:
        found = self.look()
        if found is None:
            return
        objects, bucket, key, query = found
        if not key:
            self.answer(200, _listed(objects, query), {"Content-Type": "application/xml"})
        elif key in objects:
            self.answer(200, b"" if self.command == "HEAD" else objects[key], self.described(bucket, key))
        else:
            self.refuse(404, "NoSuchKey")

    do_HEAD = do_GET  # the library's name

    def described(self, bucket: str, key: str) -> dict[str, str]:
        body = self.store.buckets[bucket][key]
        tag = self.store.headers[bucket, key].get("sent-md5", hashlib.md5(body).hexdigest())
        kept = {n: v for n, v in self.store.headers[bucket, key].items() if n.startswith("x-amz-meta-")}
        return {
            "ETag": f'"{tag}"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "Content-Length": str(len(body)),
            **kept,
        }

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = self.look()
        if found is None:
            return
        objects, bucket, key, query = found
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers |= {n.lower(): v for n, v in query.items() if n.lower().startswith("x-amz-")}
        if headers.get("x-amz-server-side-encryption") != "AES256":
            self.refuse(403, "AccessDenied")
            return
        source = unquote(headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]
        if source:
            from_bucket, _, from_key = source.partition("/")
            body = self.store.buckets[from_bucket][from_key]
            headers |= {
                n: v
                for n, v in self.store.headers[from_bucket, from_key].items()
                if n.startswith("x-amz-meta-")
            }
        tag = hashlib.md5(body).hexdigest()
        if self.store.damages:
            body = body[: len(body) // 2]
        objects[key] = body
        self.store.headers[bucket, key] = headers
        if source:
            self.answer(200, f'<CopyObjectResult><ETag>"{tag}"</ETag></CopyObjectResult>'.encode())
        else:
            self.answer(200, b"", {"ETag": f'"{tag}"'})

    def do_DELETE(self) -> None:
        found = self.look()
        if found is not None:
            found[0].pop(found[2], None)
            self.answer(204)


def _listed(objects: Mapping[str, bytes], query: Mapping[str, str]) -> bytes:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    contents, folders = [], set()
    for key in sorted(objects):
        if not key.startswith(prefix):
            continue
        rest = key.removeprefix(prefix)
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        tag = hashlib.md5(objects[key]).hexdigest()
        contents.append(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_WHEN}</LastModified><ETag>&quot;{tag}&quot;</ETag>"
            f"<Size>{len(objects[key])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    common = "".join(
        f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in sorted(folders)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(contents) + len(folders)}</KeyCount>"
        f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(contents)}{common}</ListBucketResult>"
    ).encode()
