"""Stands where SGLang would be installed: its server's command, options and wire, without a model."""
