"""Every write of the border, one noun a file."""
