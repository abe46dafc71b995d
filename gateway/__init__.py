"""The service: one normalized REST and WebSocket API in front of the venues."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("crossgate")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
