"""Makes ``tiny_source`` importable, also by the worker processes of a test."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "writers"))
