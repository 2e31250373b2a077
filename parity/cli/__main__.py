"""`python -m parity.cli`."""

from parity.cli.main import main

main(prog_name="parity")
