"""A small web server and a zoo of one's own."""

from fake_hub import fake_hub
from zoo_server import home, make_entry, make_weights, server, weights

__all__ = ["fake_hub", "home", "make_entry", "make_weights", "server", "weights"]
