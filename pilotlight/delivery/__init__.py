"""A finished job becomes known: signed webhooks, retried."""
