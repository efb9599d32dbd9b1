"""`python -m tools.client`: the wheel that other teams install, made of parts of this repository."""
