"""Workers that the storm blows through: quick, slow, deaf, or the death of their replica."""
