"""Bugs that a replica can be started with, by name: what finds bugs is itself tested by planting one."""

from collections.abc import Callable

PLANTS: dict[str, Callable[[], None]] = {}
"""Each changes the imported gateway, in the replica's process, before it starts."""
