"""The commands of `contracts`, one file for each group. Each imports its parts when it is called."""
