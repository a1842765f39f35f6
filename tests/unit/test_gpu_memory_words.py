"""Libraries say in several ways that a GPU's memory ran out; all of them are tried again with less."""

from __future__ import annotations

import pytest

from pilotlight.errors import OutOfMemory
from pilotlight.execution.child_run import failure_of


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA failed with error out of memory",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=here",
    ],
)
def test_it_is_tried_again_with_less(said):
    failure, spent = failure_of(RuntimeError(said))

    assert failure.error.code == OutOfMemory.code
    assert failure.retryable
    assert not spent
