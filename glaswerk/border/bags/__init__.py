"""Bags: everything about a person in one file, after BagIt (RFC 8493), to be carried away and brought elsewhere."""
