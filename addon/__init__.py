"""The mitmproxy side of codex-relay: everything that knows mitmproxy, files, clocks and the environment."""
