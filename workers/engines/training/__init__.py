"""Trainings that outlive a kill: adaptations for pictures and films."""
