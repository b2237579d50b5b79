"""The errors of onnx and its engines, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from segmentation import SegmentationError


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn any error in the block into a SegmentationError of one sentence. The engines have no common class of errors.

    what: the beginning of the sentence
    """
    try:
        yield
    except SegmentationError:
        raise
    except Exception as error:
        raise SegmentationError(f"{what}: {' '.join(str(error).split())[:300]}") from error
