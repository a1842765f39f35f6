"""Files that are dropped become jobs, and results come to lie beside them.

::

    naming.py    what a key says: endpoint, kind of file, names of results    (pure)
    shaping.py   a file -> the input of a job
    wishes.py    a file -> the job, or the group, that it asks for
    settling.py  which files have lain still for long enough to be whole
    taking.py    objects that were seen -> jobs, each version once
    manifest.py  the lines of a manifest, as a batch's
    results.py   a job that ended -> files
    watching.py  when to look at the folder, and at jobs whose results are not written
"""
