"""Forecasts frame by frame: :mod:`live` makes them, :mod:`watch` shows them."""
