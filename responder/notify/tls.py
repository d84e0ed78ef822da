"""TLS as the settings ask for it: one context for each distinct setting.

`http` and `email` ask for contexts. It connects to nothing, and it never trusts what a setting
does not name.
"""

import ssl
from pathlib import Path
from typing import Final

from responder.core.catalogue import Tls

_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class Contexts:
    """The TLS contexts of all senders, made on first use."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._known: dict[Tls, tuple[object, ssl.SSLContext]] = {}

    def get(self, tls: Tls) -> ssl.SSLContext:
        """The context for these settings. Raises OSError (ssl.SSLError too) or ValueError."""
        files = [Path(name) for name in (tls.cert_file, tls.key_file) if name]
        # Certificates are renewed in place: a file that changed is read again.
        stamp = [(stat.st_mtime_ns, stat.st_ino) for stat in (path.stat() for path in files)]
        known = self._known.get(tls)
        if known and known[0] == stamp:
            return known[1]
        context = ssl.create_default_context(cadata=tls.ca or None)
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        if tls.min_version:
            context.minimum_version = _VERSIONS[tls.min_version]
        if tls.max_version:
            context.maximum_version = _VERSIONS[tls.max_version]
        self._known[tls] = stamp, context
        return context
