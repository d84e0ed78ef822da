"""`responder serve`: run until told to stop.

Called by the CLI's table. SIGTERM and SIGINT stop, SIGHUP reloads the rules; everything else is
the service's.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from responder.errors import ResponderError
from responder.settings import load_settings
from responder.telemetry import configure_logging, logger


@click.command("serve", help="Run Responder. SIGTERM stops within 10 s, SIGHUP reloads the rules.")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/responder.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="How log lines look on standard error.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def serve(config: Path, log_format: str, log_level: str) -> None:
    """Load the settings and run the service on the event loop."""
    configure_logging(json=log_format == "json", level=log_level)
    settings = load_settings(config, os.environ)
    for warning in settings.warnings:
        click.echo(str(warning), err=True)

    async def run() -> None:
        from responder.service import Service

        service = Service(settings)
        await service.start()
        try:
            await until_told(service.reload)
        finally:
            await service.stop()

    sys.exit(run_on_loop(run()))


async def until_told(reload: Callable[[str], Awaitable[None]]) -> None:
    """Wait for SIGTERM or SIGINT; SIGHUP calls `reload` in between."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    async def reload_quietly() -> None:
        with contextlib.suppress(ResponderError):  # logged by the service; the old rules stay
            await reload("SIGHUP")

    def on_hangup() -> None:
        task = asyncio.create_task(reload_quietly())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    await stop.wait()


def run_on_loop(main: Coroutine[Any, Any, None]) -> int:
    """Run a coroutine on uvloop where there is one; 0, or raises what it raised."""
    try:
        import uvloop
    except ImportError:
        logger("serve").warning("no_uvloop", meaning="slower: the standard event loop is used")
        asyncio.run(main)
    else:
        uvloop.run(main)
    return 0
