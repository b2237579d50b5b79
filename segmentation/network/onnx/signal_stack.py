"""Keeps the memory on which signals are handled, the alternate signal stack of sigaltstack(2).

OpenVINO 2026.4 gives the thread a stack of its own when it loads its plug-in for the CPU, and frees it with the last
model. From then on a signal, such as that of Ctrl-C, ended the process by a segmentation fault.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional


class SignalStack(ctypes.Structure):
    """stack_t of Linux. flags: 2 where there is none"""

    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """This thread has the same signal stack after the block as before. Only on Linux; elsewhere nothing changes it."""
    before = read_signal_stack()
    try:
        yield
    finally:
        if before is not None:
            ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)


def read_signal_stack() -> Optional[SignalStack]:
    """The signal stack of this thread; None if the system is not Linux."""
    if sys.platform != "linux":
        return None
    stack = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack
