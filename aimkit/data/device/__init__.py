"""Compositing of whole batches in torch, on the device of the training: what the engine does, to a level of 8 bit.

Workers place foregrounds and backgrounds and send their crops as bytes, with what was drawn for every step; steps,
blending and labels are done here. The steps' files in :mod:`aimkit.synth.steps` say what each of them is.
"""
