"""Sounds: what is heard in a video, and the videos that use it."""
