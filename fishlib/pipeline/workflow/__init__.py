"""The five notebooks over many films as a Snakemake workflow, for more than one machine."""
