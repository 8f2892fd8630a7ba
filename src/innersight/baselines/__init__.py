"""Other people's metrics, by the contract of ours."""
