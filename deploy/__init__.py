"""How Casebook is run."""
