"""The definitions that everything stands on: the compositing equation, trimaps, foreground colours, image types."""
