from __future__ import annotations

import json
from pathlib import Path

from flashpaint.bench.clients import clients
from flashpaint.bench.stages import installed_mb, stages


def test_bench_stages_measures_every_figure_of_the_design(tmp_path: Path) -> None:
    report = stages(runs=3, cold_runs=1)
    assert {
        "cold_cli_s",
        "warm_p50_ms",
        "warm_p95_ms",
        "first_preview_ms",
        "denoise_step_ms",
        "decode_ms",
        "tell_ms",
        "see_ms",
        "rss_mb",
        "installed_mb",
    } <= set(report.figures)
    assert all(value > 0 for value in report.figures.values())
    report.write_json(tmp_path / "stages.json")
    found = json.loads((tmp_path / "stages.json").read_text())
    assert set(found) == {"command", "when", "machine", "figures"}
    report.write_plot(tmp_path / "stages.png")
    assert (tmp_path / "stages.png").stat().st_size > 5000
    report.print()


def test_bench_clients_measures_sharing_against_one_at_a_time_and_the_time_to_cancel() -> None:
    report = clients(pictures=4)
    assert {"throughput_ratio_8", "one_at_a_time_ratio_8", "cancel_ms_p95"} <= set(report.figures)
    assert all(value > 0 for value in report.figures.values())
    assert [name for name, *_ in report.rows][:2] == ["1 at once, sharing passes", "1 at once, one at a time"]
    report.print()


def test_the_default_install_does_not_grow_beyond_what_is_documented() -> None:
    assert 50 < installed_mb() <= 580, "docs/performance.md: the design's budget is 500"
