"""`python -m vespera.interfaces.cli` is the command `vespera`."""

from vespera.interfaces.cli import main

main()
