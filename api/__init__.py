"""Who may ask: the HTTP API and the casebook command."""
