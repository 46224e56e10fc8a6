"""Capacity planning: a simulated fleet of replicas answers simulated requests. Knows seconds and steps, no engine."""
