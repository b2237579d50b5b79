"""What is found, for other programs and for people: rows (JSON, CSV), cutouts, report (a page), timeline (a plot).

outputs decides which of them a run writes.
"""
