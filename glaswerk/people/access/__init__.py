"""The one door through which staff see personal data: asked for, logged where everybody can see it, proved, and soon closed."""
