"""Pictures and films by diffusers: declared, loaded, fitted into memory, drawn together."""
