"""The command lines: options, the videos of a run (jobs), progress. Nothing outside imports it but the scripts."""
