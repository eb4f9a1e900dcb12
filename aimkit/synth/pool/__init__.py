"""Packed pools: foregrounds and backgrounds decoded once, and read by all processes through the page cache.

A pool is a folder:

- ``pixels-00000.bin``, ...: the pictures, one after the other, each with all levels of its pyramid
  (:mod:`aimkit.synth.pool.layout`). Every array is row-major, uncompressed and begins at a multiple of 64 bytes.
- ``index.json``: which items there are, what is known of them, and where their pictures lie. It is written last and at
  once, so that there is a whole pool or none (:mod:`aimkit.synth.pool.index`).

Plain rows were measured against tiles, blosc2 4.1 and zarr 3.1: 40 photos of 1000 to 1600 pixels with four halvings,
milliseconds of one core to copy a random square window, everything in memory already.

| form | MB | 640 of level 0 | 960 of level 0 | 320 of level 1 | 160 of level 2 |
|---|---|---|---|---|---|
| rows, one file | 274 | 0.14 | 0.34 | 0.02 | 0.01 |
| rows, one .npy an array | 274 | 0.34 | 0.56 | 0.13 | 0.09 |
| tiles of 256 x 256, one file | 387 | 0.18 | 0.41 | 0.03 | 0.01 |
| blosc2, lz4 | 202 | 2.7 | 5.9 | 0.74 | 0.25 |
| blosc2, zstd and bitshuffle | 149 | 3.8 | 8.1 | 1.1 | 0.35 |
| zarr, uncompressed | 387 | 2.7 | 4.7 | 1.2 | 0.55 |
| zarr, blosc lz4 | 185 | 5.9 | 10.0 | 2.4 | 1.1 |
| PNG files, decoded | 72 | 44 | 45 | 46 | 46 |
| JPEG files, decoded | 16 | 8.1 | 8.0 | 8.7 | 9.1 |

A compressed form takes half the space and ten to forty times the time, more than compositing the window does. Tiles
would pay where windows are small beside the picture; crops are not, and a map of a whole picture would have to be put
together first.
"""
