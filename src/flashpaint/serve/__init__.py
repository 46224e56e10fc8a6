"""The service: HTTP, live socket, limits and keys. Everything about the network, nothing about painting."""
