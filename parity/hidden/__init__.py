"""Hidden costs of a layer: what equal FLOPs and equal parameters do not make equal."""

from parity.hidden.memory import gradient_bytes, kept_bytes, optimizer_bytes, weight_bytes
from parity.hidden.rows import Rows, rows_of
from parity.hidden.setting import Setting
from parity.hidden.time import Prediction, predict
from parity.hidden.traffic import Pass, all_to_all_bytes_per_token, passes

__all__ = [
    "Pass",
    "Prediction",
    "Rows",
    "Setting",
    "all_to_all_bytes_per_token",
    "gradient_bytes",
    "kept_bytes",
    "optimizer_bytes",
    "passes",
    "predict",
    "rows_of",
    "weight_bytes",
]
