"""Benchmarks as programs: each measures, returns its figures by fixed names, and shows them as table, JSON and plot."""
