"""Picture files: read and write them, read masks and hints, cut out; `batches` runs them through the daemon."""
