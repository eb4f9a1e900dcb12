"""Matting networks and their backbones.

``registry`` builds everything by name, ``contract`` says what a backbone must give and what a network returns.
"""
