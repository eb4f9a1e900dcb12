"""Deflate of filtered pictures, compiled by Numba: runs of one byte, and Huffman codes of every block's own.

Filtered photos hardly repeat, so a search for older text finds only runs. Without it, a photo is as small as at zlib's
best level, in a fifth of the time of its fastest; and the bytes are the same with every version and on every processor.
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, UInt8

#: Tokens of a block: each block has codes of its own.
_BLOCK = 1 << 16

#: A token is a byte; 256 + length - 3 for a run that repeats the byte before it; or the end of a block.
_END, _TOKENS = 512, 513

#: Order in which a block's header states the lengths of the codes for lengths.
_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


def deflate(data: UInt8) -> bytes:
    """Compress bytes as a zlib stream.

    Args:
        data: Bytes, uint8, (n,), at least one; best of filtered rows, where runs are common.
    """
    # No code has more than 15 bits, and a run's extra bits are fewer than those of the bytes it stands for.
    out = np.empty(2 * len(data) + 1024, np.uint8)
    size = _deflate(data, *_token_codes(), _ORDER, out)
    return b"\x78\x01" + out[:size].tobytes() + zlib.adler32(data.tobytes()).to_bytes(4, "big")


@cache
def _token_codes() -> tuple[Array, Array, Array]:
    """Symbol, extra bits and their number of every token: RFC 1951, section 3.2.5."""
    symbols, extra, bits = (np.zeros(_TOKENS, np.int64) for _ in range(3))
    symbols[:256], symbols[_END] = np.arange(256), 256
    token, symbol = 256, 257
    while token < _END:
        count = max(0, (symbol - 261) // 4)
        group = slice(token, min(token + (1 << count), _END))
        symbols[group], extra[group], bits[group] = symbol, np.arange(group.stop - token), count
        token, symbol = group.stop, symbol + 1
    symbols[_END - 1], extra[_END - 1], bits[_END - 1] = 285, 0, 0
    return symbols, extra, bits


# Below are loops instead of NumPy's assignments to slices, which take Numba seconds to compile.


@compiled
def _deflate(data: Array, symbols: Array, extra: Array, bits: Array, order: Array, out: Array) -> int:
    tokens, counts = np.empty(_BLOCK + 1, np.uint16), np.empty(_TOKENS, np.int64)
    values, sizes = np.empty(_TOKENS, np.uint64), np.empty(_TOKENS, np.uint64)
    put = np.zeros(3, np.uint64)
    read = 0
    while read < len(data):
        read, number = _tokenize(data, read, tokens)
        frequencies = np.zeros(286, np.int64)
        for token in range(_TOKENS):
            counts[token] = 0
        for i in range(number):
            counts[tokens[i]] += 1
        for token in range(_TOKENS):
            frequencies[symbols[token]] += counts[token]
        lengths = _lengths(frequencies, 15)
        codes = _codes(lengths)
        _put_header(put, out, read == len(data), lengths, order)
        for token in range(_TOKENS):
            symbol = symbols[token]
            # A run's distance is always 1, whose code is a zero.
            run = np.int64(256 <= token < _END)
            values[token] = np.uint64(codes[symbol] | extra[token] << lengths[symbol])
            sizes[token] = np.uint64(lengths[symbol] + bits[token] + run)
        _put_tokens(put, out, tokens, number, values, sizes)
    _put(put, out, 0, 7)
    return int(put[2])


@compiled
def _tokenize(data: Array, read: int, tokens: Array) -> tuple[int, int]:
    """Fill a block, with its end; return the number of bytes that were read so far, and that of the tokens."""
    number, length = 0, len(data)
    while read < length and number < _BLOCK:
        byte = data[read]
        if read and read + 2 < length and data[read - 1] == byte and data[read + 1] == byte and data[read + 2] == byte:
            end, last = read + 3, min(length, read + 258)
            while end < last and data[end] == byte:
                end += 1
            tokens[number] = np.uint16(256 + end - read - 3)
            read = end
        else:
            tokens[number] = byte
            read += 1
        number += 1
    tokens[number] = _END
    return read, number + 1


@compiled
def _put(put: Array, out: Array, value: int, size: int) -> None:
    """Append bits; ``put`` holds those that wait, their number, and the number of bytes written."""
    waiting, count, at = put[0] | np.uint64(value) << put[1], put[1] + np.uint64(size), put[2]
    while count >= np.uint64(8):
        out[at] = np.uint8(waiting & np.uint64(255))
        waiting, count, at = waiting >> np.uint64(8), count - np.uint64(8), at + np.uint64(1)
    put[0], put[1], put[2] = waiting, count, at


@compiled
def _put_tokens(put: Array, out: Array, tokens: Array, number: int, values: Array, sizes: Array) -> None:
    waiting, count, at = put[0], put[1], put[2]
    for i in range(number):
        token = tokens[i]
        waiting |= values[token] << count
        count += sizes[token]
        if count >= np.uint64(32):
            for k in range(4):
                out[at + np.uint64(k)] = np.uint8(waiting >> np.uint64(8 * k) & np.uint64(255))
            waiting, count, at = waiting >> np.uint64(32), count - np.uint64(32), at + np.uint64(4)
    put[0], put[1], put[2] = waiting, count, at


@compiled
def _put_header(put: Array, out: Array, final: bool, lengths: Array, order: Array) -> None:
    """State the lengths of a block's codes, and that of the only distance; long gaps are counted."""
    written, gaps, counts = np.empty(287, np.int64), np.empty(287, np.int64), np.zeros(19, np.int64)
    number, i = 0, 0
    while i < 287:
        length, end = lengths[i] if i < 286 else 1, i + 1
        while length == 0 and end < 286 and lengths[end] == 0 and end - i < 138:
            end += 1
        if end - i < 3:
            end = i + 1
        written[number] = length if end - i < 3 else 17 if end - i < 11 else 18
        gaps[number] = end - i
        counts[written[number]] += 1
        number, i = number + 1, end
    sizes = _lengths(counts, 7)
    codes = _codes(sizes)
    stated = 19
    while sizes[order[stated - 1]] == 0:
        stated -= 1
    # A block with its own codes; 286 codes of bytes and lengths, one of distances; then the codes of their lengths.
    _put(put, out, 4 + final | (286 - 257) << 3 | (stated - 4) << 13, 17)
    for i in range(stated):
        _put(put, out, sizes[order[i]], 3)
    for i in range(number):
        symbol = written[i]
        value, size = codes[symbol], sizes[symbol]
        if symbol == 17:
            value, size = value | (gaps[i] - 3) << size, size + 3
        elif symbol == 18:
            value, size = value | (gaps[i] - 11) << size, size + 7
        _put(put, out, value, size)


@compiled
def _lengths(counts: Array, limit: int) -> Array:
    """Length in bits of every symbol's Huffman code, 0 where the count is; two symbols or more have one."""
    ranked, leaves = np.empty(len(counts), np.int64), 0
    for symbol in range(len(counts)):
        if counts[symbol]:
            place = leaves
            while place and counts[ranked[place - 1]] > counts[symbol]:
                ranked[place] = ranked[place - 1]
                place -= 1
            ranked[place] = symbol
            leaves += 1
    lengths = np.zeros(len(counts), np.int64)
    weights, parents = np.empty(2 * len(counts), np.int64), np.empty(2 * len(counts), np.int64)
    depths = np.empty(2 * len(counts), np.int64)
    for i in range(leaves):
        weights[i] = counts[ranked[i]]
    while True:
        # Two queues, both sorted: the leaves, and the nodes in the order in which they are joined.
        leaf, node, root = 0, leaves, 2 * leaves - 2
        for new in range(leaves, root + 1):
            weights[new] = 0
            for _ in range(2):
                if node >= new or (leaf < leaves and weights[leaf] <= weights[node]):
                    least, leaf = leaf, leaf + 1
                else:
                    least, node = node, node + 1
                weights[new] += weights[least]
                parents[least] = new
        depths[root], deepest = 0, 0
        for one in range(root - 1, -1, -1):
            depths[one] = depths[parents[one]] + 1
            deepest = max(deepest, depths[one])
        if deepest <= limit:
            break
        # Rarer symbols come nearer to the others; their order stays.
        for i in range(leaves):
            weights[i] = (weights[i] + 1) // 2
    for i in range(leaves):
        lengths[ranked[i]] = depths[i]
    return lengths


@compiled
def _codes(lengths: Array) -> Array:
    """Canonical codes by their lengths, bits reversed: RFC 1951, section 3.2.2."""
    codes, code = np.zeros(len(lengths), np.int64), 0
    for length in range(1, 16):
        code *= 2
        for symbol in range(len(lengths)):
            if lengths[symbol] == length:
                for bit in range(length):
                    codes[symbol] |= (code >> bit & 1) << (length - 1 - bit)
                code += 1
    return codes
