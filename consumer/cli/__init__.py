"""The commands of `contracts`, one file for each group. Each imports its modules when it is called."""
