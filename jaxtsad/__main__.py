"""`python -m jaxtsad` is the command line."""

import sys

from jaxtsad.cli import main

if __name__ == "__main__":
    sys.exit(main())
