"""What the hot paths cost, next to floors that do the same with nothing around it. A report, not a test."""
