"""What `flashpaint serve` gives to those who use it, measured from outside: a real process, real clients.

  generate  pictures a second and how long one takes, for several `openai` clients that ask without a pause
  type      the same for typists on /live: from the keystroke to the first preview and to the picture
  cancel    how soon the place of a picture that is called off is free again
  soak      memory before and after an hour's worth of requests, one after another (4 clients, all routes by turns)
  plain     the plain recipe's time for a picture, which is the least that the same API in front of it could take

python bench/service.py                           all of it: about 20 minutes
python bench/service.py --seconds 3 --soak 20     a short form
python bench/service.py --only type --counts 1 64 --json typing.json --plot typing.png
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

from flashpaint.bench.report import machine
from flashpaint.bench.stages import PROMPTS

PARTS = ("generate", "type", "cancel", "soak", "plain")
FRESH = {"reuse": "off"}  # memory would answer what was asked before
CANCELS, PLAIN_PICTURES, SOAKERS = 24, 8, 4
DEADLINE_S = 120  # of one request

numbers = itertools.count()


# ---- the server


@dataclass(frozen=True)
class Served:
    url: str
    process: psutil.Process

    def rss(self) -> float:
        """Resident memory in MB."""
        return float(self.process.memory_info().rss / 1e6)

    def client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=DEADLINE_S)


@contextmanager
def served(threads: int | None) -> Iterator[Served]:
    """Ready, with a memory of its own that is thrown away."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "-m", "flashpaint.cli", "serve", "--port", str(port), "--max-queue", "128"]
        command += ["--at-once", "16", "--per-key", "16", *(["--threads", str(threads)] if threads else [])]
        environment = {**os.environ, "FLASHPAINT_DATA": folder, "FLASHPAINT_MEMORY": f"{folder}/memory"}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                until_ready(url, process)
                yield Served(url, psutil.Process(process.pid))
            finally:
                process.terminate()


def until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    sys.exit("flashpaint serve did not start: run it by hand to see why")


# ---- what is measured


@dataclass
class Traffic:
    """Seconds of every picture, and to its first preview; seconds of all; what was refused."""

    pictures: list[float] = field(default_factory=list)
    previews: list[float] = field(default_factory=list)
    seconds: float = 0.0
    refused: int = 0

    def figures(self, clients: int) -> dict[str, float]:
        found = {
            "pictures": len(self.pictures),
            "per_s": len(self.pictures) / self.seconds,
            "per_s_each": len(self.pictures) / self.seconds / clients,
            "refused": self.refused,
            **milliseconds(self.pictures, ""),
        }
        return found | (milliseconds(self.previews, "preview_") if self.previews else {})


def milliseconds(seconds: Sequence[float], of: str) -> dict[str, float]:
    """p50, p95, p99."""
    if not seconds:
        return {f"{of}p{k}_ms": float("nan") for k in (50, 95, 99)}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 99
    return {f"{of}p{k}_ms": cuts[k - 1] * 1000 for k in (50, 95, 99)}


One = Callable[[Traffic, float], Awaitable[None]]  # one client, until that moment


async def together(clients: int, one: Callable[[int], One], seconds: float) -> Traffic:
    """All clients at once, for so long; what each has begun it finishes."""
    found, began = Traffic(), time.perf_counter()
    await asyncio.gather(*(one(k)(found, began + seconds) for k in range(clients)))
    found.seconds = time.perf_counter() - began
    return found


def generating(server: Served) -> Callable[[int], One]:
    def one(_: int) -> One:
        async def asks(found: Traffic, until: float) -> None:
            async with server.client() as client:
                while (began := time.perf_counter()) < until:
                    number = next(numbers)
                    try:
                        await client.images.generate(
                            prompt=PROMPTS[number % len(PROMPTS)], extra_body={"seed": number, **FRESH}
                        )
                        found.pictures.append(time.perf_counter() - began)
                    except openai.RateLimitError:
                        found.refused += 1
                        await asyncio.sleep(0.2)

        return asks

    return one


STROKE_S = 0.08  # between two keystrokes of one word


def typing(server: Served) -> Callable[[int], One]:
    """Types a few letters, of which all but the last are overtaken, then waits for the picture; and so on."""

    def one(which: int) -> One:
        async def types(found: Traffic, until: float) -> None:
            async with connect(server.url.replace("http", "ws") + "/live", max_size=None) as live:
                for number in itertools.count(1):
                    prompt = f"{PROMPTS[(which + number) % len(PROMPTS)]} number {next(numbers)}"
                    for cut in (3, 2, 1):
                        await live.send(json.dumps({"id": 0, "prompt": prompt[:-cut], **FRESH}))
                        await asyncio.sleep(STROKE_S)
                    began = time.perf_counter()
                    await live.send(json.dumps({"id": number, "prompt": prompt, **FRESH}))
                    await until_final(live, number, began, found)
                    if time.perf_counter() > until:
                        return

        return types

    return one


async def until_final(live: ClientConnection, number: int, began: float, found: Traffic) -> None:
    previewed = False
    async for message in live:
        header = header_of(message)
        if header["id"] != number:
            continue
        spent = time.perf_counter() - began
        if header["type"] == "preview" and not previewed:
            found.previews.append(spent)
            previewed = True
        elif header["type"] == "final":
            found.pictures.append(spent)
            return
        elif header["type"] == "error":
            found.refused += 1
            return


def header_of(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        (length,) = struct.unpack(">I", message[:4])
        message = message[4 : 4 + length].decode()
    header: dict[str, Any] = json.loads(message)
    return header


async def cancelling(server: Served, tick: Callable[[], None]) -> dict[str, float]:
    """From calling off to the free place, which the server's own gauge tells; three others paint all the while."""
    spent = []
    async with httpx2.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as http:

        async def begin() -> str:
            answer = await http.post("/api/jobs", json={"prompt": "a sea", "steps": 200, **FRESH})
            name = str(answer.json()["id"])
            while not (await http.get(f"/api/jobs/{name}")).json()["progress"]:
                await asyncio.sleep(0.005)
            return name

        async def painting() -> float:
            text = (await http.get("/metrics")).text
            return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("flashpaint_painting "))

        for _ in range(CANCELS):
            others = [await begin() for _ in range(3)]
            leaving, before = await begin(), await painting()
            began = time.perf_counter()
            await http.delete(f"/api/jobs/{leaving}")
            while await painting() >= before:
                await asyncio.sleep(0.001)
            spent.append(time.perf_counter() - began)
            for other in others:
                await http.delete(f"/api/jobs/{other}")
            tick()
    return milliseconds(spent, "")


async def soaking(server: Served, seconds: float, tick: Callable[[], None]) -> dict[str, float]:
    """Every kind of request by turns, with and without memory, as fast as they are answered."""
    asked, samples = itertools.count(), [server.rss()]

    async def one(until: float) -> None:
        async with httpx2.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as http:
            while time.perf_counter() < until:
                number = next(asked)
                painted = {"prompt": f"{PROMPTS[number % len(PROMPTS)]} number {number % 500}"}
                kind = number % 8
                if kind == 0:
                    await http.get("/api/history", params={"number": 20})
                elif kind == 1:
                    await http.get("/api/search", params={"q": painted["prompt"]})
                elif kind == 2:
                    await http.post("/v1/images/generations", json={**painted, "stream": True, "partial_images": 2})
                elif kind == 3:
                    await http.post("/v1/images/generations", json={**painted, "response_format": "url"})
                else:
                    await http.post("/v1/images/generations", json=painted)

    async def watch(until: float) -> None:
        while time.perf_counter() < until:
            await asyncio.sleep(1)
            samples.append(server.rss())
            tick()

    until = time.perf_counter() + seconds
    await asyncio.gather(watch(until), *(one(until) for _ in range(SOAKERS)))
    half = len(samples) // 2
    return {
        "requests": next(asked),
        "rss_before_mb": samples[0],
        "rss_half_mb": samples[half],
        "rss_after_mb": samples[-1],
        "rss_most_mb": max(samples),
    }


def plain(threads: int | None, tick: Callable[[], None]) -> dict[str, float]:
    """Without HTTP, which adds a millisecond or two to a picture of seconds: serving it would tell no more."""
    import torch

    from flashpaint.bench.recipe import PlainMini
    from flashpaint.models.folder import ModelFolder

    if threads:
        torch.set_num_threads(threads)
    recipe, spent = PlainMini(ModelFolder.open("mini")), []
    recipe.paint("a cat", 0)
    for k in range(PLAIN_PICTURES):
        began = time.perf_counter()
        recipe.paint(PROMPTS[k % len(PROMPTS)], k)
        spent.append(time.perf_counter() - began)
        tick()
    return {"per_s": len(spent) / sum(spent), **milliseconds(spent, "")}


# ---- what is shown

COLUMNS = ("per_s", "per_s_each", "p50_ms", "p95_ms", "p99_ms", "preview_p50_ms", "preview_p95_ms", "refused")
Rows = dict[str, dict[str, float]]


def measure(asked: argparse.Namespace, bar: Progress) -> Rows:
    rows: Rows = {}
    if {*asked.only} != {"plain"}:
        with served(asked.threads) as server:
            rows |= measure_server(server, asked, bar)
    if "plain" in asked.only:
        task = bar.add_task("plain", total=PLAIN_PICTURES)
        rows["plain"] = plain(asked.threads, lambda: bar.advance(task))
    return rows


def measure_server(server: Served, asked: argparse.Namespace, bar: Progress) -> Rows:
    rows: Rows = {}
    for part, crowd in (("generate", generating), ("type", typing)):
        if part in asked.only:
            task = bar.add_task(part, total=len(asked.counts))
            asyncio.run(together(1, crowd(server), 1))  # warm: connections, threads, the pace of a batch
            for count in asked.counts:
                rows[f"{part} {count}"] = asyncio.run(together(count, crowd(server), asked.seconds)).figures(count)
                bar.advance(task)
    if "cancel" in asked.only:
        task = bar.add_task("cancel", total=CANCELS)
        rows["cancel"] = asyncio.run(cancelling(server, lambda: bar.advance(task)))
    if "soak" in asked.only:
        task = bar.add_task("soak", total=asked.soak)
        rows["soak"] = asyncio.run(soaking(server, asked.soak, lambda: bar.advance(task)))
    return rows


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show(rows: Rows, command: str) -> None:
    console = Console(highlight=False, width=120)
    table = Table("what", *COLUMNS, title=command)
    for name, row in rows.items():
        if name != "soak":
            table.add_row(name, *(shown(row[column]) if column in row else "" for column in COLUMNS))
    console.print(table)
    if "soak" in rows:
        console.print("soak: " + ", ".join(f"{name} {value:.0f}" for name, value in rows["soak"].items()))
    console.print(f"machine: {machine()}")


def write_plot(rows: Rows, path: Path) -> None:
    """How long, and how many a second, over the number of clients. Needs matplotlib (the extra "bench")."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    waits, rates = figure.subplots(1, 2)
    for part, colour in (("generate", "#3a6ea5"), ("type", "#c8553d")):
        points = {int(name.split()[1]): row for name, row in rows.items() if name.startswith(f"{part} ")}
        if points:
            for key, style in (("p50_ms", "-"), ("p95_ms", "--"), ("preview_p50_ms", ":")):
                if all(key in row for row in points.values()):
                    label, found = f"{part}, {key.removesuffix('_ms')}", [row[key] for row in points.values()]
                    waits.plot([*points], found, style, marker="o", c=colour, label=label)
            rates.plot([*points], [row["per_s"] for row in points.values()], marker="o", c=colour, label=part)
    if "plain" in rows:
        waits.axhline(rows["plain"]["p50_ms"], c="grey", lw=1, label="plain recipe, p50 alone")
        rates.axhline(rows["plain"]["per_s"], c="grey", lw=1, label="plain recipe")
    waits.set(yscale="log", xlabel="clients", ylabel="milliseconds")
    rates.set(xlabel="clients", ylabel="pictures a second", ylim=(0, None))
    for axes in (waits, rates):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these parts alone")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 4, 16, 64], help="clients, typists at once")
    parser.add_argument("--seconds", type=float, default=30, help="for each number of clients")
    parser.add_argument("--soak", type=float, default=600, help="seconds of the soak")
    parser.add_argument("--threads", type=int, help="CPU threads of the server and of the recipe (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there (.png, .svg)")
    asked = parser.parse_args()
    command = " ".join(["python", *sys.argv])
    columns = (TextColumn("{task.description:10}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        rows = measure(asked, bar)
    show(rows, command)
    if asked.json:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        found = {"command": command, "when": when, "machine": machine(), "figures": rows}
        asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if asked.plot:
        write_plot(rows, asked.plot)


if __name__ == "__main__":
    main()
