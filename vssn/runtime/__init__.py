"""Running the networks: protocols, and the runtimes behind them."""
