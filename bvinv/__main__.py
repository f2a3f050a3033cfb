"""`python -m bvinv`, the same as `bvinv`."""

from bvinv.cli import main

if __name__ == "__main__":
    main()
