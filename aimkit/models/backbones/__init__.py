"""Backbones: the contract that decoders rely on, timm's architectures, and the papers' own trunks."""
