"""Webhooks: what a message says (`messages`), keeping endpoints (`actions`), and bringing messages there (`sending`)."""
