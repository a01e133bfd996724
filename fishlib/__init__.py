"""Forecast bursts of motion from video, and judge whether the forecast is worth anything.

The modules follow the data: ``tank``, ``video`` and ``published`` give frames; ``motion`` turns
them into the motion proxy; ``labels`` into targets; ``clips`` into inputs; ``models`` and
``training`` make networks of them; ``forecasters`` holds the rivals that read the motion proxy
alone; ``evaluation`` gives the verdict and ``figures`` draws it. Only the modules that hold or
feed networks import TensorFlow.
"""

__version__ = "0.1.0"
