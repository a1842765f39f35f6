"""One model is one file. Copied into the GPU image, never in the wheel."""
