"""Forecasters: everything that turns the past of a film into one forecast a frame."""
