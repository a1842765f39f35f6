"""Music by models behind diffusers."""
