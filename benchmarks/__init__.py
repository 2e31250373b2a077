"""What is fast enough and what is not: run one with `python -m benchmarks.NAME`. Measured, never asserted."""
