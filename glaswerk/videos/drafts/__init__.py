"""Drafts: cutting a video on the server's side of the studio."""
