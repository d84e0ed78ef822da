"""What `responder doctor` looks at: whether each configured destination could be told.

`cli.doctor` calls `examine` of one module per kind. Nothing here tells people anything unless it is
asked to send a test, and no secret is in what it found.
"""
