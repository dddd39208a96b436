"""`python -m erpoa_cli` is the program `erpoa`."""

from erpoa_cli.cli.main import run

if __name__ == "__main__":
    run()
