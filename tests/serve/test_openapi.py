"""Whatever the OpenAPI document allows, and what it forbids, breaks nothing: schemathesis against a real server.

300 cases; 2,000 with FLASHPAINT_LONG=1.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from tests.serve.conftest import Running

CASES = 2000 if os.environ.get("FLASHPAINT_LONG") == "1" else 300
LEAST = {2: 0.02, 4: 0.3}  # of the answers by their first digit: else the cases reach nothing


def quick(case: Any) -> Any:
    """Of what would be painted for minutes, a little."""
    if isinstance(case.body, dict):
        for name, most in (("n", 2), ("steps", 2)):
            if isinstance(case.body.get(name), int):
                case.body[name] = min(case.body[name], most)
        if case.body.get("quality") in ("xhigh", "max"):
            case.body["quality"] = "low"
    return case


@pytest.mark.timeout(1200)
def test_no_case_of_the_document_is_a_fault_of_the_server(serving: Running) -> None:
    schema = schemathesis.openapi.from_url(f"{serving.url}/openapi.json")
    valid, wrong = (schema.as_strategy(generation_mode=mode) for mode in GenerationMode)
    seen: Counter[int] = Counter()

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=(valid | wrong).map(quick))
    def check(case: Any) -> None:
        answer = case.call(timeout=60)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}"
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}, case.as_curl_command()

    check()
    total = seen.total()
    assert total >= CASES, seen
    for first, share in LEAST.items():
        assert sum(number for code, number in seen.items() if code // 100 == first) >= share * total, seen
    print(dict(seen))
