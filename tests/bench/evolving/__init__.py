"""What the benchmark of evolution is made of: goals, a metering proxy, org, and its peers."""
