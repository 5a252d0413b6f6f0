"""The sandbox: a deterministic payment provider in this process, for trials and tests.  No money moves."""
