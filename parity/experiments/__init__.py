"""Small language models trained on the reference engine, to test what the paper claims of designs at parity.

`corpus` makes tokens of text, `suites` has the variants of each table, `training` trains one of them, `run` all,
and `results` reads what was left behind.
"""
