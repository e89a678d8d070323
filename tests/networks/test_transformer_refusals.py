"""Transformer: options, inputs and states that are refused, and the texts of the refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.networks.transformer import Transformer, TransformerState

B, T, F, O, H, D = 2, 7, 3, 4, 3, 6  # noqa: E741


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        *(
            ({key: value}, f"{key}={value!r}: must be an integer of at least 1")
            for key in ("hidden_size", "num_layers", "num_heads", "mlp_factor", "max_positions")
            for value in (0, 2.5, True, "3", None)
        ),
        ({"hidden_size": 18}, "hidden_size=18: must be a multiple of num_heads=4"),
        ({"hidden_size": 12}, "hidden_size=12: must be an even multiple of num_heads=4 for positions=rotary"),
        (
            {"positions": "rotatory"},
            "positions='rotatory': must be one of rotary, alibi, none, learned; did you mean 'rotary'?",
        ),
        ({"dropout": 1.0}, "dropout=1.0: must be a finite number of at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout=-0.1: must be a finite number of at least 0 and below 1"),
        (
            {"positions": "learned", "max_positions": 8},
            "max_positions=8: must be at least 9, the steps of a sequence",
        ),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        Transformer(9, F, O, **options)
    assert str(refusal.value) == text


@pytest.mark.usefixtures("unchecked_types")
def test_inputs_and_states_that_do_not_fit(rng):
    network, x = Transformer(None, F, O, H * D, num_heads=H), torch.randn(B, T, F, generator=rng)
    _, state = network(x)
    shape = f"[batch, steps, {F}], with at least one sequence and one step"
    for given, before, text in [
        (x[0], None, f"x is [{T}, {F}]: must be {shape}"),
        (x[..., :2], None, f"x is [{B}, {T}, 2]: must be {shape}"),
        (x[:, :0], None, f"x is [{B}, 0, {F}]: must be {shape}"),
        (x, (), "state is of type tuple of 0: must be of type TransformerState of 2, as initial_state gives it"),
        (x[:1], state, f"state.keys[0] is [{B}, {H}, {T}, {D}]: must be [1, {H}, {T}, {D}]"),
        (
            x,
            TransformerState(state.keys, network.initial_state(B).values),
            f"state.values[0] is [{B}, {H}, 0, {D}]: must be [{B}, {H}, {T}, {D}]",
        ),
    ]:
        with pytest.raises(ValueError) as refusal:  # noqa: PT011
            network(given, before)
        assert str(refusal.value) == text
    with pytest.raises(TypeError, match=r"x is torch.float64 on cpu: must be torch.float32 on cpu"):
        network(x.double())
    with pytest.raises(Refusal, match="batch_size=0: must be an integer of at least 1"):
        network.initial_state(0)
