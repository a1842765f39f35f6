"""The packaged stack on an emulator of AWS, and a job through it: ``make deploy-emulated``."""
