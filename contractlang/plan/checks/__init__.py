"""What is proved over a whole plan, one subject per module."""
