"""The Tape-RNN of one sequence with plain loops: a list of cells, and a sum over moves."""


def moved(tape, probabilities, advances):
    """Every cell of the new tape is the mean of the cells that the moves would bring there."""
    cells, words = len(tape), len(tape[0])
    result = [[0.0] * words for _ in range(cells)]
    for p, advance in zip(probabilities, advances, strict=True):
        for i in range(cells):
            for k in range(words):
                result[i][k] += p * tape[(i + advance) % cells][k]
    return result
