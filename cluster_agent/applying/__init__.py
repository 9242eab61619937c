"""How a manifest becomes a running release: Helm, images, health."""
