"""addon/recording: the tools on flow files."""
