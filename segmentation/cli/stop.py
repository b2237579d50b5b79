"""Ctrl-C and SIGTERM noted instead of obeyed, so that a result can be finished: StopSignals."""

import signal


class StopSignals:
    """While a `with` block lasts, the first signal is noted, and a second one ends the run at once.

    number: of the signal that came, None before one. A signal that is ignored, as in the background of a shell script,
    stays so.
    """

    def __init__(self):
        self.number, self.before = None, {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.before[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def note(self, number, frame=None):
        """Take a signal, or a key that stands for it. frame: what Python hands to a handler"""
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number

    def came(self):
        """Whether the run is to end."""
        return self.number is not None
