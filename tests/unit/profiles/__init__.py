"""What profiles say, and what becomes of requests by it; imports no mitmproxy."""
