"""The checks, a file each. Importing the package's modules registers them."""
