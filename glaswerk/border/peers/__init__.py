"""Peers: the cells that this one follows, and what comes from them."""
