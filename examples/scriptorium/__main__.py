"""``python -m scriptorium``."""

import logging

from scriptorium.cli import main

logging.basicConfig(format="%(message)s")
logging.getLogger("vespera").setLevel(logging.INFO)  # what fails and is tried again is told

main(prog_name="python -m scriptorium")
