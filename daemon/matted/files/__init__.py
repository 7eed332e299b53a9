"""Picture files: read, write and cut them out, masks and hints, sheets; `batches` runs them through the daemon."""
