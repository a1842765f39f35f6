"""The only code that imports a vendor library."""
