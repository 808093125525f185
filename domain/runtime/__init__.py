"""What the rules need in order to run: settings, logs, the database, and the log of all events."""
