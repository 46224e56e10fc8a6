"""Pictures that nobody holds a connection for: submitted, looked after, fetched or called off by their owner.

Finished jobs are forgotten after a while, or when there are too many; their pictures are in memory all the same.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from flashpaint.painting import Finished, Painting, Progress
from flashpaint.request import PaintRequest
from flashpaint.serve.answers import encoded, extras, frame, url_of, usage
from flashpaint.serve.commission import Commission
from flashpaint.serve.problems import missing, problem_of
from flashpaint.serve.schemas import Answered
from flashpaint.serve.service import Service
from flashpaint.serve.who import Caller

KEPT = 1000  # finished jobs


@dataclass(eq=False)
class Job:
    """rows: of finished pictures, by number, with the name that each has on the shelf."""

    requests: Sequence[PaintRequest]
    asked: Answered
    commission: Commission
    id: str = field(default_factory=lambda: f"job-{secrets.token_hex(12)}")
    created: float = field(default_factory=time.time)
    state: str = "waiting"
    progress: dict[int, Progress] = field(default_factory=dict)
    paintings: dict[int, Painting] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    ended: float = 0.0

    @property
    def owner(self) -> str:
        return self.requests[0].owner

    def end(self, state: str, **outcome: Any) -> None:
        """The pictures themselves are on the shelf: they are not held any longer."""
        self.state, self.outcome, self.ended = state, outcome, time.time()
        self.paintings.clear()


class Jobs:
    def __init__(self, service: Service) -> None:
        self.service, self.jobs = service, dict[str, Job]()

    async def submit(
        self, caller: Caller, requests: Sequence[PaintRequest], asked: Answered, deadline: float | None
    ) -> Job:
        commission = await self.service.admit(requests, deadline)
        job = Job(requests, asked, commission)
        self.forget()
        self.jobs[job.id] = job
        self.service.keep(self._run(job, caller))
        return job

    def get(self, name: str, owner: str) -> Job:
        """Raises Problem 404 also for another owner's: nobody learns that it is there."""
        job = self.jobs.get(name)
        if job is None or job.owner != owner:
            raise missing(f"there is no job {name!r}: it was never here, or has been forgotten", "id")
        return job

    def owned(self, owner: str) -> list[Job]:
        """Newest first."""
        return [job for job in reversed(self.jobs.values()) if job.owner == owner]

    def cancel(self, job: Job) -> None:
        """Within a step; a finished one stays as it is."""
        if not job.ended:
            job.commission.close()
            job.end("cancelled")

    def forget(self) -> None:
        old = time.time() - self.service.settings.url_s
        ended = [job for job in self.jobs.values() if job.ended]
        for k, job in enumerate(ended):
            if job.ended < old or k < len(ended) - KEPT:
                del self.jobs[job.id]

    async def _run(self, job: Job, caller: Caller) -> None:
        """Listens until all are finished. The wait for the next event is short, so that a cancelled job ends here."""
        try:
            with job.commission, self.service.watched(caller, job.commission.refuse):
                while job.commission.unfinished:
                    if heard := await job.commission.next(1.0):
                        await self._hear(job, *heard)
            if not job.ended:
                paintings = [job.paintings[k] for k in sorted(job.paintings)]
                job.end("done", usage=usage(job.requests, paintings), **frame(job.asked, paintings[0]))
        except asyncio.CancelledError:
            job.end("cancelled")
            raise
        except Exception as error:
            job.end("failed", **problem_of(error).body)

    async def _hear(self, job: Job, which: int, heard: object) -> None:
        if isinstance(heard, Progress):
            job.progress[which] = heard
            job.state = job.state if job.ended else "painting"
        elif isinstance(heard, Finished):
            content = await encoded(self.service, heard.painting, job.asked)
            name = await self.service.aside(self.service.shelf.put, content, job.asked.output_format)
            job.paintings[which] = heard.painting
            job.rows[which] = {"name": name, **extras(heard.painting)}

    def told(self, job: Job, connection: HTTPConnection) -> dict[str, Any]:
        """As JSON, with fresh urls."""
        data = [
            {"url": url_of(self.service, connection, row["name"], job.owner), **row}
            for row in (job.rows[k] for k in sorted(job.rows))
        ]
        for row in data:
            del row["name"]
        waiting = not job.ended
        return {
            "id": job.id,
            "object": "job",
            "state": job.state,
            "created": int(job.created),
            "prompt": job.requests[0].prompt,
            "position": job.commission.position if waiting else None,
            "expected_wait_s": rounded(job.commission.expected_wait_s) if waiting else None,
            "progress": [
                {"picture": k, "stage": at.stage, "step": at.step, "steps": at.steps}
                for k, at in sorted(job.progress.items())
            ],
            "data": data,
            **job.outcome,
        }


def rounded(seconds: float) -> float:
    return math.ceil(seconds * 100) / 100
