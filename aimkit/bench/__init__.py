"""Everything behind ``aimkit bench``, a module for each subcommand, and the slow oracles."""
