"""The same studio over a Ray cluster: what reads and what paints are replicas, the service stays as it is."""
