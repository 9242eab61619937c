"""The control plane: sees upstream releases, rehearses them, asks for approval and publishes signed channels."""
