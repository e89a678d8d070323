"""Slots of the memory, which is a ring, on an axis: the stretch in use, and ticks with the numbers 0 to N - 1."""

from collections.abc import Sequence

import numpy as np

#: Least weight of a slot in use, and margin of slots that are shown on either side of those in use.
#: Other slots are left out.
IN_USE, MARGIN = 0.02, 2
#: Distances of ticks, in slots; least distance of a tick from slot 0 on the next turn, as a share of it.
STEPS, NEAR = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), 0.75


def stretch(most: np.ndarray) -> tuple[int, int]:
    """First slot and number of slots of the shortest stretch of the ring that contains every slot in use.

    A stretch across slot 0 begins at a negative position: -1 is that of slot N - 1.

    Args:
        most: [N], the largest weight that each slot ever gets.

    >>> stretch(np.eye(32)[10:14].max(0)), stretch(np.eye(32)[[31, 0, 1]].max(0))
    ((8, 8), (-3, 7))
    """
    slots = len(most)
    (used,) = np.nonzero(most >= IN_USE)
    if not len(used):
        return 0, slots
    gaps = np.diff([*used, used[0] + slots])
    last = len(gaps) - 1 - int(gaps[::-1].argmax())  # before the widest gap; of equal gaps, the one across slot 0
    first, count = int(used[(last + 1) % len(used)]) - MARGIN, slots - int(gaps[last]) + 1 + 2 * MARGIN
    if count >= slots:
        return 0, slots
    return (first - slots if first + count > slots else first), count


def slot_ticks(first: int, count: int, slots: int, most: int) -> tuple[Sequence[int], Sequence[str]]:
    """Positions of at most about `most` ticks on a stretch of the ring, and the numbers of their slots.

    >>> slot_ticks(-3, 7, 32, 10)
    ([-3, -2, -1, 0, 1, 2, 3], ['29', '30', '31', '0', '1', '2', '3'])
    >>> slot_ticks(-50, 100, 101, 10)  # 100 would touch 0
    ([-41, -31, -21, -11, 0, 10, 20, 30, 40], ['60', '70', '80', '90', '0', '10', '20', '30', '40'])

    Args:
        first: position of the first slot; negative if the stretch crosses slot 0.
        count: how many slots are shown.
        slots: N.
        most: as many ticks fit.
    """
    every = next((step for step in STEPS if count <= step * most), count)
    shown = range(first, first + count)
    at = [one for one in shown if one % slots % every == 0 and not -NEAR * every < one < 0]
    return at, [str(one % slots) for one in at]
