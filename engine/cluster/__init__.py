"""Work on many processes and machines, scheduled by Ray. Ray is optional: it is imported when a command is given `--cluster ray`.

session.py          a connection to a cluster, or one that is started on this machine
guard.py            ends what is left of a cluster if the command cannot, and says what happened
workers.py          how many workers a cluster has room for, and starting them
shard_scheduler.py  `compute`: whole shards on workers that hold the network
two_pools.py        a real cascade whose first stages run on some workers, and the others on more
measure_pools.py    what two pools cost, compared with one process
sweeps.py           `sweep`: a task for each policy and bundle
"""
