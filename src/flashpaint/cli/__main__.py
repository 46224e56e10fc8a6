"""`python -m flashpaint.cli`."""

from flashpaint.cli import main

main()
