"""The test hub."""

from fake_hub import fake_hub
from zoo_server import server

__all__ = ["fake_hub", "server"]
