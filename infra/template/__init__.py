"""Turns worker files into the CloudFormation that they need: ``python -m infra.template``."""
