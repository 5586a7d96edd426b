"""The scripted provider itself: its server and the rules it judges requests by."""
