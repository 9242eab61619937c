"""The HTTP API: for maintainers (bearer token), for agents (EdDSA JWT) and for registries (webhooks). Views translate; services decide."""
