"""One region's installation: settings, embedded services, storage, keys and the event log."""
