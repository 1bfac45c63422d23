"""`python -m bercail` is the program `bercail`."""

from bercail.cli.main import run

run()
