"""The studio: a local page to inspect recipes, networks, data and results (``aimkit studio``).

One small file a tab; each builds its part of the page and calls the public API. Needs the extra ``aimkit[studio]``,
which is imported by nothing else.
"""
