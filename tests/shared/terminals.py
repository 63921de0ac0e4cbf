"""A program on a real terminal: a pseudo terminal of its own, which can be read, and on which keys can be pressed."""

import fcntl
import os
import re
import select
import struct
import termios
import time

# The first terminal that a leader of a session opens becomes the one whose Ctrl-C it gets. The output of a fork was
# opened before, for no terminal.
TAKE_IT = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
sys.stdout.reconfigure(line_buffering=True)
"""
MOVES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A program that runs on a terminal of so many columns and lines, until the block ends.

    Args:
        program: The fixture of that name, which starts programs.
        text: What the program does.
    """

    def __init__(self, program, text, *, columns=120, lines=30):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = program("-c", TAKE_IT + text, terminal=slave)
        os.close(slave)
        self.raw = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    @property
    def text(self):
        """All that was shown, without the movements of the cursor."""
        return MOVES.sub("", self.raw)

    def read_until(self, words, seconds=60.0):
        """Read what is shown until some words are there, or the program has ended."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0.0))
            assert ready, f"{words!r} is not shown: {self.text}"
            if not self._read():
                break
        assert words in self.text, self.text

    def read_all(self):
        """Read until the program ends, and return its exit code."""
        while self._read():
            pass
        return self.process.wait()

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def _read(self):
        try:
            shown = os.read(self.master, 65536)
        except OSError:
            # Linux says so of a terminal that no program has open any more.
            shown = b""
        self.raw += shown.decode("utf-8", "replace")
        return shown
