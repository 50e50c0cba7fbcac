"""Click commands: options choose, modules do."""
