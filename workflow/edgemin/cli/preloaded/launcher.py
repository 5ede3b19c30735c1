"""Runs where Snakemake would start Python: asks the process that has all libraries loaded to run a script in a fork of it.

python -I -S launcher.py SOCKET PYTHON SCRIPT

Standard library alone, since it starts with every job. Whatever is not one script is run by PYTHON itself. Ends as the script does. If it is killed,
so is the fork: the connection closes.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path


def main(where: str, python: str, arguments: list[str]) -> int:
    """The script's exit status; 128 + 9 where its process died without one."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        import subprocess  # not for every job

        return subprocess.run([python, *arguments], check=False).returncode
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(where)
    asked = json.dumps({"script": arguments[0], "folder": str(Path.cwd()), "environment": dict(os.environ)}).encode()
    socket.send_fds(connection, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(asked)
    reply = connection.recv(16)
    return int(reply) if reply else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
