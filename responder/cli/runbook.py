"""`responder runbook`: the pages, and what people ask of them.

Called by the CLI's table. The commands are in modules of their own; nothing is decided here.
"""

import click

from responder.cli.client import DEFAULT_URL
from responder.cli.pages import lint, list_, show
from responder.cli.runs import plan, reset, run, sign


@click.group(
    "runbook",
    help="Runbooks: list, lint and show read the files of a rules directory; plan, run, sign and reset ask "
    f"a service, without --url the one at {DEFAULT_URL}.",
)
def runbook() -> None:
    """What the sub-commands share: nothing."""


for _command in (list_, lint, show, plan, run, sign, reset):
    runbook.add_command(_command)
