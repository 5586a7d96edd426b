"""The pure translator, by value: no proxy, no network, no clock."""
