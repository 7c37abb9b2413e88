"""Where runs live and are seen: the database, workers, submission, status and the command line."""
