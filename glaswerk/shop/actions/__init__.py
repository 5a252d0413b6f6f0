"""Every write of the shop, one noun a file.  Each action is one transaction and may run beside itself."""
