"""The sampler: which positions of a stream make up a step, whatever the number of processes and workers."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from aimkit.errors import AimkitError


class PositionSampler(Sampler[list[int]]):
    """Batches of positions: step ``s`` of the run is positions ``s * global_batch`` up to the next step's.

    Nothing is drawn, so that a run can go on at any step, with other numbers of processes, of workers and of
    accumulated batches, and still sees the same samples in the same steps.

    Args:
        start: Number of the first step.
        stop: Number of the step after the last.
        global_batch: Samples of a step, over all processes and accumulated batches.
        process: Rank of this process.
        processes: Number of processes.
        accumulate: Number of batches that a process splits its part of a step into.

    Raises:
        AimkitError: The global batch can't be split evenly.
    """

    def __init__(
        self, start: int, stop: int, global_batch: int, *, process: int = 0, processes: int = 1, accumulate: int = 1
    ) -> None:
        if global_batch % (processes * accumulate):
            raise AimkitError(
                f"a batch of {global_batch} can't be split by {processes} processes x {accumulate} accumulated batches",
                "batch",
                f"make it a multiple of {processes * accumulate}",
            )
        self.start, self.stop, self.global_batch = start, stop, global_batch
        self.process, self.processes, self.accumulate = process, processes, accumulate

    def __len__(self) -> int:
        return max(0, self.stop - self.start) * self.accumulate

    def __iter__(self) -> Iterator[list[int]]:
        part = self.global_batch // (self.processes * self.accumulate)
        for step in range(self.start, self.stop):
            for piece in range(self.accumulate):
                first = step * self.global_batch + (piece * self.processes + self.process) * part
                yield list(range(first, first + part))
