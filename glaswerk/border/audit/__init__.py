"""The canary test of a running cell: people who do not exist live in it, and nothing of them may be in what leaves it."""
