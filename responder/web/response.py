"""An Answer for aiohttp.

Whatever the application serves makes its responses of Answers here. It is imported only after the service
is ready, as is all that knows aiohttp.
"""

from aiohttp import web

from responder.web.answer import Answer


def response_of(answer: Answer) -> web.Response:
    """The same for aiohttp."""
    headers = dict(answer.headers)
    if answer.body:
        headers["Content-Type"] = answer.content_type
    return web.Response(status=answer.status, body=answer.body or None, headers=headers)
