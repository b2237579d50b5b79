"""Random changes of a model's files. Each function takes a file and a random.Random, and returns a changed one.

    text_mutations(text, rng)           a text graph: lines, operations, inputs, numbers, characters
    graph_mutations(data, rng)          a frozen graph: bytes, blocks, the wire format, the sizes of constants
    kept_model_mutations(data, rng)     any file: bytes and blocks; here a kept ONNX model
"""

import re

NUMBERS = ("0", "-1", "1", "2", "3", "7", "100", "2147483647", "-2147483648", "1e30", "nan", "inf", "0.5")


def text_mutations(text, rng):
    """A text graph with one to three changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        text = rng.choice((drop_line, double_line, swap_lines, swap_values, swap_values, swap_values, change_number,
                           change_number, change_number, flip_character, cut_text, drop_node))(text, rng)
    return text


def drop_line(text, rng):
    lines = text.splitlines(keepends=True)
    if lines:
        del lines[rng.randrange(len(lines))]
    return "".join(lines)


def double_line(text, rng):
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines) or 1)
    return "".join([*lines[:at + 1], *lines[at:]])


def swap_lines(text, rng):
    lines = text.splitlines(keepends=True)
    if lines:
        one = rng.randrange(len(lines))
        other = rng.choice((min(one + 1, len(lines) - 1), rng.randrange(len(lines))))
        lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def swap_values(text, rng):
    """Two operations, two inputs, two names, two texts or two numbers of the same kind change places."""
    field = rng.choice(("op", "op", "input", "input", "input", "name", "s", "i", "f", "b", "key", "int_val",
                        "float_val"))
    found = list(re.finditer(rf"^ *{field}: (.*)$", text, re.M))
    if len(found) < 2:
        return text
    one, other = sorted(rng.sample(found, 2), key=lambda match: match.start())
    if rng.random() < 0.5:  # only one of the two changes
        return text[:one.start(1)] + other[1] + text[one.end(1):]
    return text[:one.start(1)] + other[1] + text[one.end(1):other.start(1)] + one[1] + text[other.end(1):]


def change_number(text, rng):
    found = list(re.finditer(r": (-?[\d.]+(?:e-?\d+)?)$", text, re.M))
    if not found:
        return text
    match = rng.choice(found)
    new = rng.choice(NUMBERS) if rng.random() < 0.7 else f"{float(match[1]) * rng.choice((-1, 0.5, 2, 1000)):g}"
    return text[:match.start(1)] + new + text[match.end(1):]


def flip_character(text, rng):
    at = rng.randrange(len(text) or 1)
    return text[:at] + chr(ord(text[at:at + 1] or "x") ^ 1 << rng.randrange(7)) + text[at + 1:]


def cut_text(text, rng):
    return text[:rng.randrange(len(text) or 1)]


def drop_node(text, rng):
    found = list(re.finditer(r"^node \{\n.*?^\}\n", text, re.S | re.M))
    if not found:
        return text
    match = rng.choice(found)
    return text[:match.start()] + text[match.end():]


def graph_mutations(data, rng):
    """A frozen graph with one to three changes; most of them are in its small parts, between the weights' numbers."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice((flip_bit, flip_header, flip_header, change_size, change_size, change_size, swap_sizes,
                           cut_bytes, zero_block, wire_format, wire_format, fill_numbers))(data, rng)
    return data


def kept_model_mutations(data, rng):
    """Any file with one to three changes of bits and blocks, cut off, filled with zeros, or empty."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice((flip_bit, flip_bit, flip_end, cut_bytes, zero_block, double_block,
                           empty_or_zeros))(data, rng)
    return data


def changed(data, at, new):
    return data[:at] + new + data[at + len(new):]


def flip_bit(data, rng):
    at = rng.randrange(len(data) or 1)
    return changed(data, at, bytes([data[at] ^ 1 << rng.randrange(8)])) if data else data


def flip_end(data, rng):
    at = rng.choice((rng.randrange(200), len(data) - 1 - rng.randrange(200)))
    return changed(data, at, bytes([data[at] ^ 1 << rng.randrange(8)])) if 0 <= at < len(data) else data


def constants(data):
    """The places where a constant begins: its name is before, and its type, sizes and numbers are after."""
    return [match.start() for match in re.finditer(rb"\x12\x05Const", data)]


def flip_header(data, rng):
    """A bit of the bytes around the beginning of a constant."""
    places = constants(data)
    if not places:
        return flip_bit(data, rng)
    at = min(max(rng.choice(places) + rng.randrange(-60, 60), 0), len(data) - 1)
    return changed(data, at, bytes([data[at] ^ 1 << rng.randrange(8)]))


def sizes(data):
    """The places of the sizes of constants, one byte each: dim { size }, a message of two bytes."""
    return [match.start(1) for match in re.finditer(rb"\x12[\x02\x03]\x08(.)", data, re.S)]


def change_size(data, rng):
    places = sizes(data)
    if not places:
        return data
    at = rng.choice(places)
    return changed(data, at, bytes([rng.choice((0, 1, 2, 4, 5, 16, 64, 127, 128, 255, rng.randrange(256)))]))


def swap_sizes(data, rng):
    """Two sizes that follow each other, which is another shape for the same numbers."""
    places = sizes(data)
    if len(places) < 2:
        return data
    index = rng.randrange(len(places) - 1)
    one, other = places[index], places[index + 1]
    return changed(changed(data, one, data[other:other + 1]), other, data[one:one + 1])


def cut_bytes(data, rng):
    return data[:rng.randrange(len(data) or 1)]


def zero_block(data, rng):
    at, size = rng.randrange(len(data) or 1), rng.choice((4, 64, 4096))
    return data[:at] + bytes(len(data[at:at + size])) + data[at + size:]


def double_block(data, rng):
    at, size = rng.randrange(len(data) or 1), rng.choice((1, 8, 512))
    return data[:at + size] + data[at:]


def empty_or_zeros(data, rng):
    return rng.choice((b"", bytes(len(data)), data + b"\0"))


def wire_format(data, rng):
    """Another kind of field, a length that is another, or a number of many bytes, near the beginning of a constant."""
    places = constants(data)
    if not places:
        return data
    at = max(rng.choice(places) + rng.randrange(-8, 50), 0)
    new = rng.choice((b"\xff\xff\xff\xff\x0f", b"\xff" * 10, b"\x80\x80\x80\x80\x10", bytes([rng.randrange(256)]),
                      b"\x08\xff\xff\xff\xff\xff\x01", b"\x0b", b"\x0c", b"\x00"))
    return changed(data, at, new) if rng.random() < 0.7 else data[:at] + new + data[at:]


def fill_numbers(data, rng):
    """Some of a constant's numbers are not finite, or huge: float32 and float16."""
    places = constants(data)
    if not places:
        return data
    at = min(rng.choice(places) + rng.randrange(60, 200), len(data) - 8)
    return changed(data, at, rng.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\x7f" * 2, b"\0\x7c" * 2,
                                         b"\xff\xff\x7f\x7f", b"\0\0\0\xff")))
