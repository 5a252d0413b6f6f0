"""The demo's shops: who sells, what, how each thing is painted, and how all of it comes onto the market."""
