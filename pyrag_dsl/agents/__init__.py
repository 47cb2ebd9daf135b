"""Roles played by models, and by the embedded reader in their absence."""
