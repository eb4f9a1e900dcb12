"""What is behind ``aimkit bench``, with the slow oracles."""
