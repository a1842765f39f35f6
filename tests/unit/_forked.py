"""Tells how it was born through the socket it was given, waits for a word, and ends as asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    ending, *_, end, _secret = sys.argv[1:]
    facts = {
        "argv": sys.argv,
        "main": __spec__.name,
        "open": [one for one in range(3, 256) if one != int(end) and is_open(one)],
        "sigterm": "default" if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else "other",
        "leads": os.getpgid(0) == os.getpid(),
    }
    socket_to_parent = socket.socket(fileno=int(end))
    socket_to_parent.sendall(json.dumps(facts).encode())
    socket_to_parent.recv(2)
    if ending == "return":
        sys.stdout.write("said on output\n")
        sys.stderr.write("said on error\n")
    elif ending == "exit":
        sys.exit(int(sys.argv[2]))
    elif ending == "raise":
        raise ValueError("told to")
    else:
        os.kill(os.getpid(), signal.SIGKILL)
