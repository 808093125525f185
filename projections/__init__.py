"""What may be seen: read models that follow the log, each of which can be made again from it."""
