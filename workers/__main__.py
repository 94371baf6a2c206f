"""`python -m workers`: the command line, for processes that start their own children."""

from workers.cli import main

main()
