"""The engine: a file here is a noun, a folder is a craft. Nothing here prints.

Units at every boundary: metres, seconds, radians, hertz. Right-handed axes, Y up, faces look along +Z, so
that the subject's left is +X. Quaternions wxyz. Images [height, width, 3], row 0 on top; UV origin bottom
left. Tensors are on the CPU in float32 at every boundary.
"""
