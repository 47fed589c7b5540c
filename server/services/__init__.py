"""What the service does, without HTTP: functions over a database session."""
