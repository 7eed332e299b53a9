def tune(): pass
