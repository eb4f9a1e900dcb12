"""Compositing of whole batches in torch, on the training device: what the engine does, to within a level of 8 bit.

Workers place foregrounds and backgrounds and send the crops as bytes, with the drawn parameters of every step. Steps,
blending and labels are done here. The classes in :mod:`aimkit.synth.steps` document and draw the steps;
:mod:`aimkit.data.device.steps` applies them to batches.
"""
