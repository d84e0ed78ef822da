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
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from responder.cli.cpus import keep_apart
from responder.errors import ResponderError
from responder.settings import load_settings
from responder.settings.values import Settings
from responder.telemetry import configure_logging, logger

if TYPE_CHECKING:
    from responder.service import Service

Reload: TypeAlias = Callable[[str], Awaitable[None]]
"""Reads the rules again, for whoever is named."""


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

    sys.exit(run_on_loop(_run(settings)))


async def _run(settings: Settings) -> None:
    started: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
    writer_cpus = keep_apart()

    async def serving() -> None:
        from responder.service import Service

        service = Service(settings, writer_cpus=writer_cpus)
        await service.start()
        started.set_result(service)
        try:
            await asyncio.Event().wait()
        finally:
            await service.stop()

    async def reload(actor: str) -> None:
        service = await asyncio.shield(started)
        await service.reload(actor)

    await run_until_told(serving(), reload)


async def run_until_told(work: Coroutine[Any, Any, None], reload: Reload) -> None:
    """Run `work` until it ends, or is cancelled because of SIGTERM or SIGINT; SIGHUP calls `reload`."""
    told = asyncio.create_task(_until_told(reload))
    working = asyncio.create_task(work)
    await asyncio.wait({told, working}, return_when=asyncio.FIRST_COMPLETED)
    for task in (told, working):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _until_told(reload: Reload) -> None:
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
