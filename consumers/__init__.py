"""What follows: notices, deliveries and timers, each a cursor over the log."""
