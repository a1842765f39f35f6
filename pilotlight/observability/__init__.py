"""Names that dashboards depend on."""
