"""What the core needs from the world: small Protocols that state a guarantee, not a vendor."""
