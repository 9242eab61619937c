"""People, roles, sessions and API tokens: the part that Django owns."""
