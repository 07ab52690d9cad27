"""``python -m scriptorium``."""

from scriptorium.cli import main

main(prog_name="python -m scriptorium")
