"""One machine, nothing installed: PostgreSQL from a wheel, a supervisor for the processes."""
