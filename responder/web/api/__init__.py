"""Responder's own API, `/api/v1`: one module per subject.

`web.general` builds an Api, `web.app` takes its routes, the CLI and scripts call them. Nothing here
decides: a POST is an Input, a GET reads what was decided.
"""

from responder.web.api.routes import Api

__all__ = ["Api"]
