"""The metrics: the contract, configurations, terms, presets, metrics of other libraries, and their construction."""
