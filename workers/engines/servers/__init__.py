"""Engines that are servers: asked inside the process, or over loopback."""
