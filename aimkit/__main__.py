"""``python -m aimkit`` and ``torchrun -m aimkit``."""

from aimkit.cli import main

if __name__ == "__main__":
    main()
