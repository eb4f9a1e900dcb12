"""Weights: finding and loading files (``loading``), loading the part that fits (``matching``), and the released state
dicts of the reference systems (``official``, with their names of tensors in ``formats``). ``declared`` reads what weights
say of their network, ``options`` checks it."""
