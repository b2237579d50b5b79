"""Words of messages and pages that depend on a number."""

from typing import Optional


def counted(count: float, one: str, many: Optional[str] = None, style: str = "") -> str:
    """A count and its noun.

    many: the noun for other counts than 1; without it, `one` with an s
    style: how the number is written, as for `format`, such as "," for 1,200

    >>> counted(1, "photo"), counted(0, "photo"), counted(1200, "class", "classes", ",")
    ('1 photo', '0 photos', '1,200 classes')
    """
    return f"{count:{style}} {one if count == 1 else many or one + 's'}"
