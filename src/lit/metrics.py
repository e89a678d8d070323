"""Metrics that several objectives share: one name has one meaning."""

import math

from .objective import Metric

BITS = Metric("bits", more=False, worst=math.inf)
LOSS = Metric("loss", more=False, worst=math.inf)
ERROR_BITS = Metric("error_bits", more=False, worst=math.inf, about="wrong bits a sequence")
PAYLOAD_ERROR = Metric("payload_error", more=False, worst=1.0, chance=0.5, about="share of wrong payload bits")
EXACT = Metric("exact", more=True, worst=0.0)
ACCURACY = Metric("accuracy", more=True, worst=0.0)
