"""One HTTP wire format is one file or one folder."""
