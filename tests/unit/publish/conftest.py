"""A small web server and a zoo of one's own."""

from zoo_server import home, make_entry, make_weights, server, weights

__all__ = ["home", "make_entry", "make_weights", "server", "weights"]
