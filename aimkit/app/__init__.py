"""The studio: a local page where recipes, networks, data and results are looked at (``aimkit studio``).

One small file a tab; each builds its part of the page and calls the public API. Needs the extra ``aimkit[studio]``,
which is imported by nothing else.
"""
