"""Stand-ins on loopback, and the story that the sandbox tells with them.

`cli.sandbox` runs them beside a Service. Nothing here is needed by `responder serve`, and nothing
here knows the Service: the story is told over HTTP, as any client would tell it.
"""
