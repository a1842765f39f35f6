"""The policies themselves over a trace, event by event: what would it have cost, who would wait."""
