"""Backbones: the contract that decoders rely on, the adapter for timm's architectures, and the papers' own."""
