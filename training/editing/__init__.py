"""How `pilotlight/edit` learned to obey instructions; see README.md beside this file."""
