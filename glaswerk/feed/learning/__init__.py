"""Learning: from the archived event log to the model that the next epoch is cut with."""
