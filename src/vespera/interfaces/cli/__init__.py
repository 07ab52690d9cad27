"""The command line: `vespera run`, `vespera task list|show`, `vespera verify`."""

import io
import sys


def main() -> None:
    """Run the command line and exit with its code: 0, 1 (failure), 2 (usage), 130 (interrupted).

    What cannot be printed in the terminal's encoding is printed escaped.
    """
    try:
        from vespera.interfaces.cli.app import app
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("The command line is an extra: pip install 'vespera[cli]'\n")
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="vespera")
