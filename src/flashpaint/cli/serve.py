"""`flashpaint serve`: the API and the live socket, on one port."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flashpaint.cli.options import MODELS, Fast, Folder, Model, Painter, Remember, Revision, Seer, Teller, served_folder
from flashpaint.errors import OutOfRange
from flashpaint.request import check_number

if TYPE_CHECKING:
    from flashpaint.serve.settings import Settings

LOAD = "Under load"
WHO = "Who may"
CARE = "With care"
RAY = "On Ray (see docs/scale.md)"

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
    ray: Annotated[
        bool, typer.Option("--ray", help="Read and paint in replicas of a Ray cluster.", rich_help_panel=RAY)
    ] = False,
    paint_replicas: Annotated[int, typer.Option(help="That paint, each with its own loop.", rich_help_panel=RAY)] = 1,
    read_replicas: Annotated[int, typer.Option(help="That see and tell.", rich_help_panel=RAY)] = 1,
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

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as a container's first process it would be ignored
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
    where = (memory or memory_address()) if remember else None
    if ray:
        models = {
            "model": model,
            "painter": painter,
            "revision": revision,
            "fast": fast,
            "seer": seer,
            "teller": teller,
        }
        serve_on_ray(settings, door, {**models, "threads": threads}, str(where or ""), paint_replicas, read_replicas)
        return
    studio = Studio.open(
        model,
        threads,
        painter=painter,
        revision=revision,
        fast=fast,
        seer=seer,
        teller=teller,
        memory=where,
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


def serve_on_ray(
    settings: Settings,
    door: socket.socket,
    models: dict[str, object],
    memory: str,
    paint_replicas: int,
    read_replicas: int,
) -> None:
    try:
        from flashpaint.cluster.app import Plan, Replicas
        from flashpaint.cluster.local import run
    except ImportError as missing:
        raise OutOfRange(f"--ray needs Ray ({missing}): pip install 'flashpaint[ray]'", param="ray") from missing
    check_number("paint_replicas", paint_replicas, 1, 1000)
    check_number("read_replicas", read_replicas, 1, 1000)
    port = door.getsockname()[1]
    door.close()  # Ray opens it anew
    models["threads"] = models["threads"] or max(1, (os.cpu_count() or 1) // paint_replicas)
    plan = Plan(
        models=models,
        service=asdict(settings),
        memory=memory or None,
        paint=Replicas(least=paint_replicas, most=paint_replicas),
        read=Replicas(least=read_replicas, most=read_replicas),
        drain_s=settings.drain_s,
    )
    said = f"flashpaint listens on http://{settings.host}:{port}/v1, painting in {paint_replicas} replicas of Ray"
    run(plan, settings.host, port, lambda: Console(stderr=True, highlight=False, soft_wrap=True).print(said))
