"""Weights: finding and loading files (``loading``), loading the part that fits (``matching``), the released state dicts
of the reference systems (``official``, with their names of tensors in ``formats``), and what weights state about their
network (``declared``, checked by ``options``)."""
