"""RMSProp of Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, (38)-(45)."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..common import checks


class RMSpropGraves(torch.optim.Optimizer):
    """Centred RMSProp with a floor inside the root, and momentum.

        n = rho n + (1 - rho) g^2        m = rho m + (1 - rho) g
        v = momentum v - lr g / sqrt(n - m^2 + floor)        parameter += v

    `torch.optim.RMSprop` adds `eps` outside the root, so small gradients give different steps.

    Args:
        params: parameters to optimise.
        lr: learning rate.
        rho: decay of the running averages, in [0, 1).
        momentum: in [0, 1).
        floor: inside the root, above 0.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        rho: float = 0.95,
        momentum: float = 0.9,
        floor: float = 1e-4,
    ) -> None:
        checks.number("lr", lr, above=0)
        checks.number("rho", rho, least=0, below=1)
        checks.number("momentum", momentum, least=0, below=1)
        checks.number("floor", floor, above=0)
        super().__init__(params, {"lr": lr, "rho": rho, "momentum": momentum, "floor": floor})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; `closure` re-evaluates the loss, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rho, momentum = group["rho"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state: dict[str, Tensor] = self.state[p]
                if not state:
                    state.update(n=torch.zeros_like(p), m=torch.zeros_like(p), v=torch.zeros_like(p))
                n, m, v = state["n"], state["m"], state["v"]
                n.mul_(rho).addcmul_(p.grad, p.grad, value=1 - rho)
                m.mul_(rho).add_(p.grad, alpha=1 - rho)
                root = (n - m.square() + group["floor"]).sqrt_()
                v.mul_(momentum).addcdiv_(p.grad, root, value=-group["lr"])
                p.add_(v)
        return loss
