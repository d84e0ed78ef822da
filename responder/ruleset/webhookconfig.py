"""An entry of `webhook_configs`.

`receivers` calls `read_webhook` after `entries` has checked every key. It reads the URL and the
secrets, and calls nobody.
"""

from responder.core.catalogue import Secret, WebhookSettings
from responder.document.fields import Fields, go_duration, split_url
from responder.document.tree import ScalarNode
from responder.ruleset.defaults import Defaults, Reached
from responder.ruleset.secrets import Reading


def read_webhook(fields: Fields, defaults: Defaults, reading: Reading) -> Reached:
    """Its settings, with secrets read, and where it leads: scheme, host and port."""
    if payload := fields.take("payload"):
        reading.problems.warning(payload.place, "payload: not used; Alertmanager's own body is sent")
    identity = reading.identity(fields, "url")
    url = _url(fields, reading)
    http = defaults.http(fields, reading)
    if url is None:
        named = fields.scalar("url_file")
        return Reached(None, named.text if named else "", identity)
    parts = split_url(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    settings = WebhookSettings(
        url=Secret(url),
        timeout=fields.read("timeout", go_duration, 0),
        basic_auth=http.basic_auth,
        authorization=http.authorization,
        oauth2=http.oauth2,
        tls=http.tls,
        follow_redirects=http.follow_redirects,
        proxy_url=http.proxy_url,
        headers=http.headers,
    )
    return Reached(settings, f"{parts.scheme}://{host}:{port}", identity)


def _url(fields: Fields, reading: Reading) -> str | None:
    """The URL, or None if there is none that could be called."""
    node: ScalarNode | None
    if node := fields.scalar("url"):
        key, url = "url", node.text
        if "{{" in url:
            reading.unsupport(node.place, "url: a Go template; this version needs a plain URL")
            return None
        reading.given(url)
    elif node := fields.scalar("url_file"):
        key, url = "url_file", reading.file(node, "url_file").strip()
    else:
        return None
    try:
        parts = split_url(url)
    except ValueError as error:
        if url:  # an empty file is recorded already
            fields.error(key, f"{'' if key == 'url' else 'the content is '}{error}")
        return None
    if key == "url" and (parts.password or parts.query):
        reading.warn_inline(node, "url", has_file=True)
    return url
