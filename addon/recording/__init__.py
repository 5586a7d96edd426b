"""What can be done with flow files that the relay has recorded."""
