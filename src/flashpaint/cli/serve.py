"""`flashpaint serve`: the API and the live socket, on one port."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flashpaint.cli.options import MODELS, Fast, Folder, Model, Painter, Remember, Revision, Seer, Teller, served_folder

LOAD = "Under load"
WHO = "Who may"
CARE = "With care"

Data = Annotated[
    Path | None,
    typer.Option(
        help="The folder of keys and of pictures behind urls. [default: FLASHPAINT_DATA or ~/.local/share/flashpaint]",
        rich_help_panel=WHO,
    ),
]


def serve(
    host: Annotated[str, typer.Option(help="Where it listens; only this machine reaches it by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any free one.")] = 7860,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    at_once: Annotated[int, typer.Option(help="Pictures that paint together.", rich_help_panel=LOAD)] = 8,
    max_queue: Annotated[int, typer.Option(help="Pictures that may wait.", rich_help_panel=LOAD)] = 64,
    per_key: Annotated[int, typer.Option(help="Of one key's, that paint together.", rich_help_panel=LOAD)] = 8,
    rate: Annotated[
        float, typer.Option(help="Pictures a minute for each key, 0 for any number.", rich_help_panel=LOAD)
    ] = 0,
    deadline: Annotated[
        float, typer.Option(help="Seconds that a request may take, 0 for any number.", rich_help_panel=LOAD)
    ] = 120,
    drain: Annotated[
        float, typer.Option(help="Seconds to finish what is being painted, once told to stop.", rich_help_panel=LOAD)
    ] = 30,
    cancel_on_disconnect: Annotated[
        bool, typer.Option(help="Call off the pictures of a client that hangs up.", rich_help_panel=LOAD)
    ] = True,
    open_: Annotated[
        bool, typer.Option("--open", help="Whoever reaches it may paint, without a key.", rich_help_panel=WHO)
    ] = False,
    data: Data = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A page elsewhere that may call, https://HOST; several times.", rich_help_panel=WHO),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name beside localhost that it answers to; several times.", rich_help_panel=WHO),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            help="A model name that clients send, such as gpt-image-1; several times.", rich_help_panel=MODELS
        ),
    ] = None,
    policy: Annotated[str, typer.Option(help="off, warn or block.", rich_help_panel=CARE)] = "off",
    concepts: Annotated[
        Path | None, typer.Option(help="What the policy looks for, one a line.", rich_help_panel=CARE)
    ] = None,
    remember: Remember = True,
    memory: Folder = None,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
    fast: Fast = "off",
) -> None:
    """Serve the OpenAI-compatible Images API, jobs, history and the live socket.

    flashpaint serve
    """
    from flashpaint.memory.opening import memory_address
    from flashpaint.serve.logs import log_to_stderr
    from flashpaint.serve.server import bound, check_reach, server
    from flashpaint.serve.settings import Settings
    from flashpaint.studio import Studio

    settings = Settings(
        folder=served_folder(data),
        host=host,
        port=port,
        at_once=at_once,
        max_queue=max_queue,
        per_key=per_key,
        rate=rate,
        deadline_s=deadline,
        drain_s=drain,
        cancel_on_disconnect=cancel_on_disconnect,
        open=open_,
        origins=tuple(allow_origin or ()),
        hosts=tuple(allow_host or ()),
        aliases=tuple(alias or ()),
        policy=policy,
        concepts=concepts,
    )
    check_reach(settings)
    door = bound(settings)
    studio = Studio.open(
        model,
        threads,
        painter=painter,
        revision=revision,
        fast=fast,
        seer=seer,
        teller=teller,
        memory=(memory or memory_address()) if remember else None,
    )
    log_to_stderr()
    running = server(studio, settings)
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"flashpaint listens on http://{host}:{door.getsockname()[1]}/v1 (Ctrl-C stops it, after what it has begun)"
    )
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn heeds it and raises it again in the end: no failure
    try:
        running.run(sockets=[door])
    finally:
        studio.close()
