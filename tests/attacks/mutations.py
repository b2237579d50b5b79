"""Random changes of bytes and of JSON."""

import json


def mutate_bytes(data, rng):
    """Bytes with one to four random changes: bits, blocks, cuts, numbers, the header."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        change = rng.choice((flip, flip, cut, zero, swap, double, number, header))
        if data:
            change(data, rng)
    return bytes(data)


def flip(data, rng):
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data, rng):
    del data[rng.randrange(len(data)):]


def zero(data, rng):
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((4, 100, 5000)))
    data[start:end] = bytes(end - start)


def swap(data, rng):
    size = rng.choice((1, 16, 512))
    one, other = rng.randrange(len(data)), rng.randrange(len(data))
    data[one:one + size], data[other:other + size] = data[other:other + size], data[one:one + size]


def double(data, rng):
    start = rng.randrange(len(data))
    block = data[start:start + rng.choice((8, 300))]
    data[start:start] = block


def number(data, rng):
    start = rng.randrange(len(data))
    data[start:start + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))


def header(data, rng):
    data[rng.randrange(min(len(data), 64))] = rng.randrange(256)


def mutate_json(text, rng):
    """The text of a JSON file in which one value is another one, or which is not JSON any more."""
    if rng.random() < 0.25:
        return mutate_bytes(text.encode(), rng).decode(errors="replace")
    value = json.loads(text)
    places = list(places_in(value))
    new = rng.choice((None, [], {}, -5, 0, 10**9, 1.5, "", "x", True, [[1]], [[1, 2, 3]], [[None, None]], {"a": None}))
    if not places or rng.random() < 0.15:
        return json.dumps(new)
    holder, key = rng.choice(places)
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = new
    return json.dumps(value)


def places_in(value):
    """(holder, key) of every value inside a value that JSON can hold."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places_in(inner)
