"""3-D models rendered as cut-outs with exact alpha, by Blender in a separate process."""
