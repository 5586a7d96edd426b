"""A real proxy in this process, in front of a scripted upstream, on loopback ports that the system chooses."""
