"""An event becomes a queued job: validate, admit, record, announce."""
