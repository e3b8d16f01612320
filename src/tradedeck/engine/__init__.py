"""The loop that joins bars, strategy, gate and venue; one code for backtest, replay and live."""
