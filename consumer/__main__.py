"""`python -m consumer` is `contracts`."""

from consumer.cli.main import main

main()
