"""`python -m consumer` is `contracts`."""

from consumer.cli import main

main()
