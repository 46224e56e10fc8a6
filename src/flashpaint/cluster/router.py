"""Ray Serve's choice of a paint replica, made by the passes that lie before each (`load.py`).

Ray pickles this module by value: what it shares with the rest of the process, it reaches through another module.
"""

from __future__ import annotations

import random

from ray.serve._private.replica_result import ReplicaResult
from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from flashpaint.cluster import load
from flashpaint.cluster.crossing import Work


def work_of(pending: PendingRequest | None) -> Work | None:
    """What is to be painted; None for other calls."""
    found = pending.args[0] if pending is not None and pending.args else None
    return found if isinstance(found, Work) else None


class BatchRouter(RequestRouter):
    """Ranks of one replica each: Serve takes the first that has room."""

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        work = work_of(pending_request)
        if work is None:
            return [[one] for one in random.sample(candidate_replicas, len(candidate_replicas))]
        known = {one.replica_id.unique_id: one for one in candidate_replicas}
        ranked = load.here.ranked(work, list(known))
        if ranked:
            load.here.sent(work, ranked[0])  # at once, as others choose before this one is on its way
        return [[known[one]] for one in ranked]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: ReplicaResult) -> None:
        if work := work_of(pending_request):
            load.here.sent(work, replica_id.unique_id)


class RandomRouter(RequestRouter):
    """By lot: what the other is measured against."""

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        return [[one] for one in random.sample(candidate_replicas, len(candidate_replicas))]
