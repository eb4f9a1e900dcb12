"""Packed pools: foregrounds and backgrounds decoded once, and read by all processes through the page cache.

A pool is a folder:

- ``pixels-00000.bin``, ...: the pictures, one after the other, each with all levels of its pyramid
  (:mod:`aimkit.synth.pool.layout`). Every array is row-major, uncompressed and starts at a multiple of 64 bytes.
- ``index.json``: the items, their metadata, and the location of their pictures. It is written last and atomically, so
  a pool is either complete or absent (:mod:`aimkit.synth.pool.index`).

Plain rows won ``aimkit bench pools POOL`` (blosc2 4.14 and zarr 3.1 installed). The table gives milliseconds of
one core to copy a random square window, for 40 photos of 1000 to 1600 pixels with four halvings, all in memory.

| form | MB | 640 of level 0 | 960 of level 0 | 320 of level 1 | 160 of level 2 |
|---|---|---|---|---|---|
| rows, one file | 278 | 0.16 | 0.36 | 0.03 | 0.01 |
| rows, one .npy an array | 278 | 0.38 | 0.68 | 0.18 | 0.13 |
| tiles of 256 x 256, one file | 412 | 0.19 | 0.38 | 0.04 | 0.01 |
| blosc2, lz4 | 180 | 2.5 | 5.4 | 0.71 | 0.24 |
| blosc2, zstd | 145 | 4.3 | 9.3 | 1.2 | 0.39 |
| zarr, uncompressed | 409 | 2.9 | 5.5 | 1.3 | 0.66 |
| zarr, blosc lz4 | 180 | 7.3 | 14 | 2.8 | 1.2 |
| PNG, decoded | 72 | 43 | 43 | 44 | 44 |
| JPEG 95, decoded | 17 | 9.2 | 9.4 | 9.3 | 9.4 |

Compressed formats take half to two thirds of the space, but at least fifteen times as long. Tiles take more space, for
the margins of the last tiles, and are not faster; and a whole picture must first be assembled from them.
"""
