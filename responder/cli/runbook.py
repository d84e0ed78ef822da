"""`responder runbook`: the pages, and what people ask of them.

Called by the CLI's table. The commands are in modules of their own; nothing is decided here.
"""

import click

from responder.cli.client import DEFAULT_URL
from responder.cli.runs import plan, reset, run, sign


@click.group(
    "runbook",
    help=f"Runbooks: plan, run, sign, reset. Without --url, the service at {DEFAULT_URL} is asked.",
)
def runbook() -> None:
    """What the sub-commands share: nothing."""


for _command in (plan, run, sign, reset):
    runbook.add_command(_command)
