"""Matting networks: AimNet, GFM and P3M-Net on any backbone.

``registry`` builds networks and backbones by name. ``backbones/`` holds the contract of a backbone and what adapts timm
to it; ``weights/`` reads and writes state dicts.
"""
