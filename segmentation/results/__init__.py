"""Results of a run beside its pictures: rows (JSON, CSV), cutouts (cut-outs and masks), report (a page), timeline (a
plot).

outputs decides which of them a run writes.
"""
