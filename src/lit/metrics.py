"""Metrics that several objectives share: one name has one meaning."""

import math

from .objective import Metric

BITS = Metric("bits", more=False, worst=math.inf, about="cross-entropy in bits a sequence")
LOSS = Metric("loss", more=False, worst=math.inf, about="mean cross-entropy in nats")
ERROR_BITS = Metric("error_bits", more=False, worst=math.inf, about="wrong bits a sequence")
PAYLOAD_ERROR = Metric("payload_error", more=False, worst=1.0, chance=0.5, about="share of wrong payload bits")
EXACT = Metric("exact", more=True, worst=0.0, about="share of sequences without a wrong payload bit or symbol")
ACCURACY = Metric("accuracy", more=True, worst=0.0, about="share of right answers, averaged over sequences")
