"""Named sets of notebook parameters: the default, the study's own sizes, and a quick check."""

PARAMETER_SETS = {
    "default": {},
    "quick": {},
    "paper": {},
}
