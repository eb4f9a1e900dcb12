"""A generator and a compositing step for aimkit."""
