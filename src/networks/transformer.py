"""Transformer: every step attends to all steps so far; a whole sequence is one call."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ..cells import boundary
from ..cells.trace import Trace
from ..common import checks
from ..memory.attention import attention_weights, causal
from ..memory.positions import alibi, alibi_slopes, rotary_angles, rotate

POSITIONS = ("rotary", "alibi", "none", "learned")


class TransformerState(NamedTuple):
    """State of a transformer: keys and values of the P steps so far, one tensor per layer."""

    keys: tuple[Float[Tensor, "B H P D"], ...]
    values: tuple[Float[Tensor, "B H P D"], ...]


class Places(NamedTuple):
    """What all layers know of the places of T steps among S = P + T; None where not needed."""

    mask: Bool[Tensor, "T S"] | Float[Tensor, "H T S"] | None
    rotation: tuple[Float[Tensor, "T half"], Float[Tensor, "T half"]] | None


class Block(nn.Module):
    """x -> x + attention(norm(x)), then x -> x + mlp(norm(x)).

    Args:
        size: features of a step, C.
        heads: H, each with D = C / H features.
        mlp_factor: hidden units of the MLP, as a multiple of C.
        dropout: share of the features that each branch drops in training.
    """

    def __init__(self, size: int, heads: int, mlp_factor: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.merge = nn.Linear(size, size)
        self.mlp_norm = nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, mlp_factor * size), nn.GELU(), nn.Linear(mlp_factor * size, size))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        past_keys: Float[Tensor, "B H P D"],
        past_values: Float[Tensor, "B H P D"],
        places: Places,
        explicit: bool,
    ) -> tuple[Float[Tensor, "B T C"], Tensor, Tensor, Float[Tensor, "B H T S"] | None]:
        """The output, the keys and values of all steps so far, and the weights if they are `explicit`."""
        raw = self.query_key_value(self.attention_norm(x))
        query, key, value = raw.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if places.rotation is not None:
            query, key = rotate(query, *places.rotation), rotate(key, *places.rotation)
        # Under autocast a state keeps its dtype.
        key, value = key.to(past_keys.dtype), value.to(past_values.dtype)
        if past_keys.shape[2]:
            key, value = torch.cat([past_keys, key], 2), torch.cat([past_values, value], 2)
        weights = None
        if explicit:
            assert places.mask is not None
            weights = attention_weights(query, key, places.mask)
            read = weights.to(value.dtype) @ value
        else:
            read = scaled_dot_product_attention(query, key, value, places.mask, is_causal=places.mask is None)
        x = x + self.dropout(self.merge(read.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.mlp(self.mlp_norm(x))), key, value, weights


class Transformer(nn.Module):
    """A causal, decoder-only transformer over the inputs: a linear layer, blocks, a norm, a linear readout.

    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, with the norms before each branch as in GPT-2.
    The state holds keys and values of all steps so far: one call with T steps equals a call with t steps and
    another, from the state after them, with T - t steps.

    Args:
        steps: T where every sequence has the same, else None.
        input_size: features of a step, F.
        output_size: O.
        hidden_size: width of the model, C.
        num_layers: blocks.
        num_heads: heads of each block; they divide the width.
        mlp_factor: hidden units of the MLPs, as a multiple of the width.
        positions: rotary (keys and queries turned by their step), alibi (scores fall with distance), learned (a
            vector added to each step's input), or none (only what causal attention itself tells).
        max_positions: steps that have a learned position; the other kinds have no limit.
        dropout: share of the features that each branch of a block drops in training.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range, or sizes that do not divide.
    """

    engine: str | None = None
    memory_slots: int | None = None

    def __init__(
        self,
        steps: int | None,
        input_size: int,
        output_size: int,
        hidden_size: int = 64,
        num_layers: int = 3,
        num_heads: int = 4,
        mlp_factor: int = 4,
        positions: str = "rotary",
        max_positions: int = 512,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.hidden_size = checks.integer("hidden_size", hidden_size)
        self.num_layers = checks.integer("num_layers", num_layers)
        self.num_heads = checks.integer("num_heads", num_heads)
        checks.integer("mlp_factor", mlp_factor)
        self.positions = checks.choice("positions", positions, POSITIONS)
        self.max_positions = checks.integer("max_positions", max_positions)
        checks.number("dropout", dropout, least=0, below=1)
        if hidden_size % num_heads:
            raise checks.refuse("hidden_size", hidden_size, f"a multiple of num_heads={num_heads}")
        if positions == "rotary" and hidden_size // num_heads % 2:
            allowed = f"an even multiple of num_heads={num_heads} for positions=rotary"
            raise checks.refuse("hidden_size", hidden_size, allowed)
        if steps is not None and self.longest_sequence is not None and steps > max_positions:
            raise checks.refuse("max_positions", max_positions, f"at least {steps}, the steps of a sequence")
        self.embedding = nn.Linear(input_size, hidden_size)
        if positions == "learned":
            self.position = nn.Parameter(0.02 * torch.randn(max_positions, hidden_size))
        self.blocks = nn.ModuleList(Block(hidden_size, num_heads, mlp_factor, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)

    @property
    def longest_sequence(self) -> int | None:
        """Steps of the longest sequence that the network can take; None without a limit."""
        return self.max_positions if self.positions == "learned" else None

    @property
    def head_names(self) -> list[str]:
        """Names of the heads in the order of `weighting` in a trace."""
        layers, heads = range(1, self.num_layers + 1), range(1, self.num_heads + 1)
        return [f"layer {layer} head {head}" for layer in layers for head in heads]

    def state_size_after(self, steps: int) -> int:
        """Numbers in the state of one sequence after some steps."""
        return 2 * self.num_layers * self.hidden_size * steps

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> TransformerState:
        """The state before the first step, without keys and values; `memory_slots` has no effect.

        Raises:
            checks.Refusal: a size that is not an integer of at least 1.
        """
        checks.integer("batch_size", batch_size)
        empty = self.readout.weight.new_zeros(batch_size, *self._state_shapes(0).keys[0])
        return TransformerState((empty,) * self.num_layers, (empty,) * self.num_layers)

    def _state_shapes(self, past: int) -> boundary.Shapes:
        shape = torch.Size([self.num_heads, past, self.hidden_size // self.num_heads])
        return TransformerState((shape,) * self.num_layers, (shape,) * self.num_layers)  # type: ignore[arg-type]

    def forward(
        self, x: Float[Tensor, "B T F"], state: TransformerState | None = None
    ) -> tuple[Float[Tensor, "B T O"], TransformerState]:
        """The outputs of all steps and the state after the last; `state` is the one before the first step.

        Raises:
            ValueError, TypeError: an input or a state that does not fit, see `boundary.check`.
            ValueError: more steps, with those of the state, than have a learned position.
        """
        # torch's own attention does not support every transform of torch.func.
        y, state, _ = self._run(x, state, explicit=boundary.transformed())
        return y, state

    @torch.no_grad()
    def trace(
        self, x: Float[Tensor, "B T F"], state: TransformerState | None = None
    ) -> tuple[Float[Tensor, "B T O"], TransformerState, Trace]:
        """As `forward`, without gradients, and the trace of all steps.

        Its `weighting` is that of every head of every layer over the S steps so far, [B, T, L H, S], its `memory`
        the values of the last layer, [B, T, S, C]; both are zero for steps to come.
        """
        y, state, weightings = self._run(x, state, explicit=True)
        values = state.values[-1].transpose(1, 2).flatten(2)
        steps = x.shape[1]
        past = causal(values.shape[1] - steps, steps, values.device)
        memory = values.unsqueeze(1) * past.unsqueeze(2)
        return y, state, Trace(weighting=torch.cat(weightings, 1).transpose(1, 2), memory=memory, ring=False)

    def _run(
        self, x: Tensor, state: TransformerState | None, explicit: bool
    ) -> tuple[Tensor, TransformerState, list[Tensor]]:
        """The outputs, the state after the last step and, if they are `explicit`, the weights of each layer."""
        past = _steps_of(state)
        shapes = None if state is None else self._state_shapes(past)
        x = boundary.check(x, state, self.input_size, shapes, self.readout.weight)
        state = self.initial_state(len(x)) if state is None else state
        places = self._places(past, x.shape[1], explicit)
        h = self.embedding(x)
        if self.positions == "learned":
            h = h + self.position[past : past + x.shape[1]]
        keys, values = [], []
        weightings: list[Tensor] = []
        for block, past_keys, past_values in zip(self.blocks, *state, strict=True):
            h, key, value, weighting = block(h, past_keys, past_values, places, explicit)
            keys.append(key)
            values.append(value)
            weightings += [] if weighting is None else [weighting]
        return self.readout(self.norm(h)), TransformerState(tuple(keys), tuple(values)), weightings

    def _places(self, past: int, steps: int, explicit: bool) -> Places:
        limit, like = self.longest_sequence, self.readout.weight
        if limit is not None and past + steps > limit:
            after = f" after {past}" if past else ""
            raise ValueError(f"x has {steps} steps{after}: must have at most max_positions={limit} in all")
        mask: Tensor | None = None
        if self.positions == "alibi":
            mask = alibi(like.new_tensor(alibi_slopes(self.num_heads)), past, steps)
        elif past or explicit:  # from the first step on, torch has a faster way for causal attention
            mask = causal(past, steps, like.device)
        if self.positions != "rotary":
            return Places(mask, None)
        position = torch.arange(past, past + steps, device=like.device).to(like.dtype)
        angles = rotary_angles(position, self.hidden_size // self.num_heads)
        return Places(mask, (angles.cos(), angles.sin()))


def _steps_of(state: TransformerState | None) -> int:
    """Steps of which a state has the keys; 0 where it is no such state, which is refused later."""
    keys = getattr(state, "keys", None)
    first = keys[0] if isinstance(keys, tuple) and keys else None
    return first.shape[2] if isinstance(first, Tensor) and first.dim() == 4 else 0
