"""Results of a run beside its pictures: rows (JSON, CSV), cutouts (cut-outs and masks), report (a page), timeline (a
plot), labels and label_studio (for annotation programs).

outputs says which of them a run writes; photo_results and video_results write them. Their files grow at the end alone
(row_files, photo_files), so that a run may be killed at any moment.
"""
