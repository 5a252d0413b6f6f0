"""The queue of videos that wait to be prepared: its order, who works it off, how it is watched and stopped."""
