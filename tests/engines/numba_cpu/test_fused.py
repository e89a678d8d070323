"""The fused engine against the reference: values, gradients, threads, training and choice of the engine."""

import gc
import itertools
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch.nn.functional import mse_loss

from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from src.common.checks import Refusal
from src.common.paths import CONF
from src.engines import choose
from src.engines.numba_cpu import autograd as fused
from src.engines.numba_cpu import kernel_threads, kernels
from src.engines.numba_cpu.operation import DTYPES
from src.networks.recurrent import Recurrent
from src.settings import build, errors, keys
from tests.engines.fused_cases import OUTPUTS, F, assert_engines_agree, network, outcome

ROOT = Path(__file__).resolve().parents[3]
SIZES = {"memory_slots": 11, "word_size": 6, "controller_size": 9}
#: Values for each head, and an input skip of the head in the middle.
OWN = {
    "read_heads": 3,
    "write_heads": 2,
    "numbers": (1,),
    "input_skip": {"read": [False, True, False], "write": [True, False]},
    "gate_bias": {"read": [-2.0, 0.0, 1.0], "write": [0.0, -2.0]},
}
OWN_WIDTHS = {
    "delta_init": {"read": [1.0, 0.0, -1.0], "write": 1.0},
    "input_skip_init": {"read": [0.0, -1.0, 0.0], "write": 0.0},
    "sigma_init": {"read": [0.5, 0.7, 1.0], "write": 0.5},
    "sigma_max": {"read": [2.5, None, 3.0], "write": [None, 4.0]},
    "sigma_schedule": {"read": [None, {"factor": 3.0, "share": 0.6}, None], "write": None},
    "lattice": {"read": [0.5, 0.0, 1.0], "write": [0.0, 0.7]},
}
COUNTERS = {"controller": "counter_lstm", "numbers": (2,), "counters": 2, "counter_feedback": True}
COUNTERS |= {"counter_candidate": "linear"}
CASES = {
    "ntm": (NTM, {}),
    "ntm-gru-clip": (NTM, {"controller": "gru", "output_clip": 0.7}),
    "ntm-feedforward-heads": (NTM, {"controller": "feedforward", "read_heads": 2, "write_heads": 3}),
    "ntm-no-content": (NTM, {"content_addressing": False, "memory_init": "learned"}),
    "ntm-wide-shift": (NTM, {"shift_range": 7, "memory_init": "random", "output_clip": None}),
    "relative": (DMSNTM, {"motion": "relative", "memory_init": "random"}),
    "hybrid": (DMSNTM, {"motion": "hybrid", "read_heads": 2}),
    "relative-windowed": (DMSNTM, {"motion": "relative", "memory_slots": 127, "delta_init": 1.0}),
    "hybrid-windowed-scales": (DMSNTM, {"memory_slots": 60, "num_scales": 2, "content_addressing": False}),
    "position": (DMSNTM, {"carry": "position", "motion": "relative", "memory_init": "learned"}),
    "position-hybrid-scales": (DMSNTM, {"carry": "position", "num_scales": 3, "write_heads": 2}),
    "counters-skip": (NTM, {**COUNTERS, "input_skip": True, "shift_range": 3}),
    "counters-blind": (DMSNTM, {"controller": "counter_lstm", "numbers": (2,), "counters": 2}),
    "no-counters-no-numbers": (NTM, {"controller": "counter_lstm", "counters": 0}),
    "anchored": (DMSNTM, {"motion": "anchored", "lattice": 0.5, "sigma_max": 2.0, "memory_init": "random"}),
    "position-anchored": (DMSNTM, {"motion": "anchored", "carry": "position", "input_skip": True, "lattice": 0.5}),
    "cauchy": (DMSNTM, {"kernel": "cauchy", "num_scales": 2, "sigma_schedule": {"factor": 3.0, "share": 0.5}}),
    "ntm-own-heads": (NTM, {**OWN, "step_bias": {"read": [2.0, -4.0, 1.0], "write": 2.0}}),
    "relative-own-heads": (DMSNTM, {**OWN, **OWN_WIDTHS, "motion": "relative"}),
    "position-own-heads": (DMSNTM, {**OWN, **OWN_WIDTHS, "carry": "position", "num_scales": 2}),
    "position-windowed": (DMSNTM, {"carry": "position", "memory_slots": 64, "content_addressing": False}),
}
each_case = pytest.mark.parametrize("case", CASES)


def made(case, dtype=torch.float64):
    cls, options = CASES[case]
    return network(cls, {**SIZES, **options}, dtype)


class TestAgainstTheReference:
    @each_case
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
    def test_values_and_gradients(self, case, dtype, tolerance, rng):
        x = torch.randn(5, 19, F, generator=rng, dtype=dtype)
        assert_engines_agree(made(case, dtype), x, tolerance)

    @pytest.mark.parametrize("cls", [NTM, DMSNTM])
    @pytest.mark.parametrize(
        "odd",
        [
            {"memory_slots": 1},
            {"memory_slots": 3},
            {"memory_slots": 127, "word_size": 1},
            {"controller_size": 1},
            {"controller_size": 17, "word_size": 4},
        ],
        ids=str,
    )
    @pytest.mark.parametrize(("batch", "steps"), [(1, 1), (1, 8), (6, 17)])
    def test_odd_sizes(self, cls, odd, batch, steps, rng):
        x = torch.randn(batch, steps, F, generator=rng, dtype=torch.float64)
        assert_engines_agree(network(cls, {**SIZES, **odd}, torch.float64), x, 1e-10)

    def test_the_default_sizes(self, rng):
        """As in repeat-copy: 128 slots, a controller of 100, a hundred steps."""
        for cls in (NTM, DMSNTM):  # a sharp look-up of content makes rounding grow over a hundred steps
            x = torch.rand(2, 100, F, generator=rng, dtype=torch.float64)
            assert_engines_agree(network(cls, {}, torch.float64), x, 1e-6)

    @pytest.mark.parametrize("seed", [0, 1])
    def test_random_machines_with_interpreted_kernels(self, seed):
        """Interpreted as Python, an index out of bounds is an error. Needs a new process for NUMBA_DISABLE_JIT."""
        subprocess.run(
            [sys.executable, "-m", "tests.engines.fused_cases", str(seed), "25"],
            env={**os.environ, "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            check=True,
            timeout=300,
        )


class TestSequences:
    @each_case
    def test_a_sequence_in_two_parts_equals_the_whole(self, case, rng):
        net = made(case)
        x = torch.randn(3, 13, F, generator=rng, dtype=torch.float64)
        whole, after = net(x)
        first, between = net(x[:, :5])
        second, after_both = net(x[:, 5:], between)
        torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
        torch.testing.assert_close(after_both, after, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("case", ["ntm", "hybrid", "position", "anchored", "position-anchored"])
    def test_engines_may_alternate_within_a_sequence(self, case, rng):
        net = made(case)
        x = torch.randn(2, 12, F, generator=rng, dtype=torch.float64)
        whole, _ = net(x)
        parts, state = [], None
        for engine, part in zip(("fused", "reference", "fused"), x.split(4, 1), strict=True):
            net.cell.engine = engine
            y, state = net(part, state)
            parts.append(y)
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("case", ["ntm", "hybrid", "position", "ntm-no-content", "anchored", "cauchy"])
    def test_a_larger_memory_and_longer_sequences(self, case, rng):
        net = made(case)
        x = torch.randn(2, 70, F, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            answers = []
            for engine in ("reference", "fused"):
                net.cell.engine = engine
                answers.append(net(x, net.initial_state(2, 300))[0])
        torch.testing.assert_close(*answers, rtol=0, atol=1e-10)

    def test_traces_do_not_depend_on_the_engine(self, rng):
        net = made("hybrid")
        x = torch.randn(2, 6, F, generator=rng, dtype=torch.float64)
        y, _, seen = net.trace(x)
        torch.testing.assert_close(y, net(x)[0], rtol=0, atol=1e-12)
        assert seen["weighting"].shape == (2, 6, 3, 11)

    @pytest.mark.parametrize("case", ["hybrid", "anchored", "position-anchored"])
    def test_gradients_of_the_initial_state(self, case, rng):
        """For every part of the state."""
        net = made(case)
        x = torch.randn(2, 9, F, generator=rng, dtype=torch.float64)
        grads = []
        for engine in ("reference", "fused"):
            net.cell.engine = "reference"
            _, state = net(x)
            leaves = [leaf.detach().requires_grad_() for leaf in torch.utils._pytree.tree_leaves(state)]
            spec = torch.utils._pytree.tree_structure(state)
            net.cell.engine = engine
            y, _ = net(x, torch.utils._pytree.tree_unflatten(leaves, spec))
            grads.append(torch.autograd.grad(y.square().sum(), leaves))
        torch.testing.assert_close(*grads, rtol=0, atol=1e-10)
        assert all(grad.abs().max() > 0 for grad in grads[1])

    def test_losses_of_a_part_of_the_results(self, rng):
        """Of the memory alone, and of the outputs alone."""
        net, x = made("ntm"), torch.randn(2, 5, F, generator=rng, dtype=torch.float64)
        for use in (lambda y, state: state.memory.sum(), lambda y, state: y[:, -1].sum()):
            grads = []
            for engine in ("reference", "fused"):
                net.cell.engine = engine
                net.zero_grad()
                use(*net(x)).backward()
                grads.append([w.grad.clone() for w in net.cell.parameters()])
            torch.testing.assert_close(*grads, rtol=0, atol=1e-10)


class TestAutograd:
    def test_goes_backward_once(self, rng):
        net = made("ntm")
        y, _ = net(torch.randn(1, 3, F, generator=rng, dtype=torch.float64))
        y.sum().backward(retain_graph=True)
        with pytest.raises(RuntimeError, match=r"runs backward only once; model\.engine=reference can repeat it"):
            y.sum().backward()

    def test_outputs_changed_in_place_are_an_error(self, rng):
        net = made("ntm")
        y, _ = fused.sequence(net.cell, torch.randn(1, 3, F, dtype=torch.float64), net.initial_state(1))
        loss = y.sum()
        y.detach().mul_(2.0)
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize(
        "where", ["heads.weight", "heads.bias", "controller.layers.bias_ih_l0", "initial_memory"]
    )
    @pytest.mark.parametrize("case", ["ntm", "hybrid", "position"])
    def test_non_finite_values_propagate(self, case, where, bad):
        """A run must stop on them, see `Diverged`: wherever the reference has them, the fused engine has, too."""
        cls, options = CASES[case]
        finite = {}
        for engine in ("reference", "fused"):
            net = network(cls, {**SIZES, **options, "memory_init": "learned"}, torch.float32)
            net.cell.engine = engine
            with torch.no_grad():
                net.cell.get_parameter(where).view(-1)[0] = bad
            loss = net(torch.zeros(2, 9, F))[0].square().mean()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            finite[engine] = bool(torch.isfinite(loss) and torch.isfinite(norm))
        assert finite["reference"] or not finite["fused"]
        assert bad == bad or not finite["fused"]

    @each_case
    def test_one_and_two_threads_agree(self, case, rng):
        net, x = made(case), torch.randn(7, 10, F, generator=rng, dtype=torch.float64)
        before = torch.get_num_threads()
        try:
            results = []
            for threads in (1, 2):
                torch.set_num_threads(threads)
                results.append(outcome(net, "fused", x))
        finally:
            torch.set_num_threads(before)
        torch.testing.assert_close(*results, rtol=0, atol=1e-12)

    def test_memory_does_not_grow(self):
        """A leak grows in each round; other allocations of this process do not."""
        net = network(DMSNTM, SIZES, torch.float32)
        x = torch.randn(4, 30, F)

        def memory_after(updates):
            for _ in range(updates):
                net.zero_grad(set_to_none=True)
                net(x)[0].sum().backward()
            gc.collect()
            return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024

        sizes = [memory_after(100), *(memory_after(300) for _ in range(4))]
        assert min(after - before for before, after in itertools.pairwise(sizes)) < 1024  # KiB

    def test_without_gradients_nothing_is_stored(self, rng):
        net, x = made("ntm"), torch.randn(2, 5, F, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            y, state = net(x)
        assert not y.requires_grad
        assert not state.memory.requires_grad
        torch.testing.assert_close(y, net(x)[0].detach(), rtol=0, atol=0)


class TestPythonThreads:
    """Concurrent Python threads: no deadlock, and each gets the results of a single thread."""

    @staticmethod
    def together(*functions):
        errors = []

        def guarded(function):
            try:
                function()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=guarded, args=(function,), daemon=True) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert errors == []

    @pytest.mark.parametrize("same", [True, False])
    def test_concurrent_calls_of_one_model_and_of_two(self, same, two_threads, rng):
        first = made("ntm", torch.float32)
        nets = [first, first if same else made("hybrid", torch.float32)]
        x = torch.randn(20, 9, F, generator=rng)
        expected = [net(x)[0].detach() for net in nets]

        def calls(net, y):
            for _ in range(30):
                assert torch.equal(net(x)[0].detach(), y)

        self.together(*(lambda net=net, y=y: calls(net, y) for net, y in zip(nets, expected, strict=True)))

    def test_training_in_one_and_evaluating_in_another(self, two_threads, rng):
        x = torch.randn(20, 9, F, generator=rng)

        def trained():
            net = made("hybrid", torch.float32)
            sgd = torch.optim.SGD(net.parameters(), 0.01)
            with net.prepared():
                for _ in range(15):
                    sgd.zero_grad()
                    net(x)[0].square().mean().backward()
                    sgd.step()
            return torch.cat([weight.detach().flatten() for weight in net.parameters()])

        found, evaluated = [], made("ntm", torch.float32)
        alone, y = trained(), evaluated(x)[0].detach()

        def evaluate():
            with torch.no_grad():
                for _ in range(60):
                    assert torch.equal(evaluated(x)[0], y)

        self.together(lambda: found.append(trained()), evaluate)
        torch.testing.assert_close(found, [alone], rtol=0, atol=1e-6)

    def test_the_number_of_torch_threads_is_restored(self, two_threads):
        """Also where the contexts of two Python threads overlap."""
        net = made("ntm", torch.float32)
        inside, may_leave = threading.Event(), threading.Event()

        def first():
            with net.prepared():
                inside.set()
                may_leave.wait(60)

        def second():
            inside.wait(60)
            with net.prepared():
                may_leave.set()
                time.sleep(0.05)
            assert torch.get_num_threads() == 2

        self.together(first, second)
        assert kernel_threads._threads is None
        with net.prepared():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2

    def test_concurrent_first_uses_compile_once(self, monkeypatch):
        """A lock keeps a second thread from compiling the same kernels."""
        module = sys.modules["src.engines.numba_cpu.kernels"]
        compiled = []
        monkeypatch.setattr(module, "_ready", set())
        monkeypatch.setattr(module, "_compile", lambda *given: (time.sleep(0.05), compiled.append(given[3])))
        self.together(*[lambda: fused.prepare(NTM(F), torch.float32)] * 3)
        assert compiled == [DTYPES[torch.float32]]


class TestTraining:
    @pytest.mark.parametrize("case", ["ntm", "hybrid"])
    def test_the_engine_may_change_during_training(self, case, rng):
        x = torch.randn(4, 9, F, generator=rng, dtype=torch.float64)
        target = torch.randn(4, 9, OUTPUTS, generator=rng, dtype=torch.float64)

        def train(engines):
            net = made(case)
            adam = torch.optim.Adam(net.parameters(), 1e-2)
            for engine in engines:
                resumed = made(case)
                resumed.load_state_dict(net.state_dict())
                stored = adam.state_dict()
                net, adam = resumed, torch.optim.Adam(resumed.parameters(), 1e-2)
                adam.load_state_dict(stored)
                net.cell.engine = engine
                for _ in range(3):
                    adam.zero_grad()
                    mse_loss(net(x)[0], target).backward()
                    adam.step()
            return net.state_dict()

        torch.testing.assert_close(
            train(["reference", "fused", "reference"]), train(["reference"] * 3), rtol=0, atol=1e-8
        )


class TestPrepared:
    @pytest.fixture
    def thread_counts(self, monkeypatch):
        """Numbers of threads of the calls of the kernels."""
        counts, over_rows = [], fused.over_rows

        def counting(call, rows, threads):
            counts.append(threads)
            over_rows(call, rows, threads)

        monkeypatch.setattr(fused, "over_rows", counting)
        return counts

    def test_the_kernels_have_all_threads_and_torch_has_one(self, two_threads, thread_counts):
        net, x = made("ntm"), torch.zeros(4, 3, F, dtype=torch.float64)
        with net.prepared():
            net(x)[0].sum().backward()
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        net(x)
        assert thread_counts == [2, 2, 1]

    def test_nothing_changes_for_the_reference(self, two_threads):
        net = made("ntm")
        net.cell.engine = "reference"
        with net.prepared():
            assert torch.get_num_threads() == 2

    def test_kernels_are_loaded_before_the_first_batch(self, monkeypatch):
        loaded = []
        monkeypatch.setattr(fused, "kernels", lambda *given: loaded.append(given))
        for name, kind in (("ntm", "ntm"), ("hybrid", "dms_ntm")):
            with made(name, torch.float32).prepared():
                assert loaded.pop() == (kind, torch.zeros(0).numpy().dtype)


class TestChoice:
    #: Overrides of conf/ that the fused engine covers.
    COVERED = (
        "model=ntm task=repeat_copy",
        "model=dms_ntm task=repeat_copy",
        "model=ntm task=mnist1d",
        "model=dms_ntm task=mnist1d",
        "model=dms_ntm task=mnist1d_seed task.sequence_length=20",
        "model=ntm task.ragged=true",
        "model=ntm model.shift_range=3 model.content_addressing=false",
        "model=ntm model.controller=gru model.read_heads=4",
        "model=ntm model.controller=feedforward model.write_heads=2",
        "model=ntm model.memory_init=learned model.output_clip=null",
        "model=ntm model.memory_init=random model.memory_slots=1024 optimizer=rmsprop_graves",
        "model=dms_ntm model.carry=position model.motion=relative",
        "model=dms_ntm model.carry=position model.motion=hybrid model.num_scales=4",
        "model=dms_ntm model.motion=relative model.sigma_init=4.0 model.content_addressing=false",
        "model=dms_ntm experiment=repeat_copy",
        "model=dms_ntm debug=fast",
        "model=ntm +trainer.precision=64-true",
        "model=ntm trainer.accelerator=auto",
    )

    @staticmethod
    def network_of(overrides):
        with initialize_config_dir(CONF, version_base="1.3"):
            cfg = keys.resolve(compose("train", overrides.split()))
        return build.build_network(cfg, build.build_task(cfg))

    @pytest.mark.parametrize("overrides", COVERED)
    def test_auto_uses_the_fused_engine(self, overrides):
        net = self.network_of(overrides)
        assert net.engine == "fused"
        assert choose.engine_for(net.cell, net.engine_choice) in choose.ENGINES

    def test_engine_reference(self):
        net = self.network_of("model=ntm model.engine=reference")
        assert net.engine == "reference"
        assert choose.engine_for(net.cell, net.engine_choice) is choose.REFERENCE

    def test_auto_logs_why_the_reference_engine_is_used(self, caplog):
        caplog.set_level("INFO")
        net = self.network_of("model=ntm +trainer.precision=bf16-mixed")
        assert net.engine == "reference"
        expected = "engine=auto takes the reference engine: "
        expected += "the fused engine needs trainer.precision=32-true or 64-true, and it is bf16-mixed."
        assert expected in caplog.messages

    def test_fused_is_refused_where_it_is_not_supported(self):
        with pytest.raises(errors.ConfigError) as refusal:
            self.network_of("model=ntm model.engine=fused +trainer.precision=bf16-mixed")
        expected = "model.engine='fused': must be auto or reference here, since "
        expected += "the fused engine needs trainer.precision=32-true or 64-true, and it is bf16-mixed"
        assert str(refusal.value) == expected

    def test_a_computer_without_numba(self, monkeypatch, caplog):
        monkeypatch.setattr(kernels, "missing", lambda: "numba cannot be imported (x)")
        assert Recurrent(NTM(F, **SIZES), OUTPUTS).engine == "reference"
        expected = "engine=auto takes the reference engine, which is slow: numba cannot be imported (x)"
        assert caplog.messages == [expected]
        with pytest.raises(Refusal) as refusal:
            Recurrent(NTM(F, **SIZES, engine="fused"), OUTPUTS)
        expected = "engine='fused': must be auto or reference on this machine: numba cannot be imported (x)"
        assert str(refusal.value) == expected

    def test_half_precision_uses_the_reference_engine(self):
        """A network cast to bfloat16 runs step by step."""
        net = Recurrent(NTM(F, **SIZES), OUTPUTS).to(torch.bfloat16)
        assert choose.engine_for(net.cell, net.engine_choice) is choose.REFERENCE
        assert net(torch.zeros(1, 2, F, dtype=torch.bfloat16))[0].dtype == torch.bfloat16
